#!/bin/sh
# Runs once, where the database is made: one role owns the tables, the gateways' only reads and writes them.
set -eu

owner=$(cat /run/secrets/store_owner_password)
runner=$(cat /run/secrets/store_password)
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres <<SQL
CREATE ROLE sluicegate_owner LOGIN PASSWORD '$owner';
CREATE ROLE sluicegate LOGIN PASSWORD '$runner';
CREATE DATABASE sluicegate OWNER sluicegate_owner;
\connect sluicegate
ALTER DEFAULT PRIVILEGES FOR ROLE sluicegate_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO sluicegate;
SQL
