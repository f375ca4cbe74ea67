{{/* application.yml: what the chart knows, and `config` over it. No secret is in it, only the names of variables. */}}

{{/* What values of their own say, and `config` must not: value by path. */}}
{{- define "sluicegate.owned" -}}
gateway.listen: service.port
gateway.workers: gateway.workers
gateway.drain: gateway.drain
gateway.trusted_proxies: gateway.trustedProxies
gateway.private_networks: gateway.privateNetworks
gateway.tls: tls
gateway.health: gateway.probes.readiness
management.listen: management.port
management.tls: tls
admin.token_file: secrets
state.url: state.url
state.tls: tls
state.username: state.username
state.password: secrets
state.sentinel_username: state.sentinelUsername
state.sentinel_password: secrets
store.url: database
store.username: secrets
store.password: secrets
store.connections: database.connections
store.tls: database.tls
store.master_keys: secrets.masterKeys
region.name: region.name
region.of: region.of
peppers: secrets.peppers
{{- end }}

{{/* `null` is said, too: merged over what the chart says it would take that away. */}}
{{- define "sluicegate.refuseOwned" -}}
{{- range $path, $value := include "sluicegate.owned" . | fromYaml }}
{{- $found := $.Values.config }}
{{- $said := true }}
{{- range splitList "." $path }}
{{- $said = and $said (kindIs "map" $found) }}
{{- if $said }}
{{- $said = hasKey $found . }}
{{- $found = index $found . }}
{{- end }}
{{- end }}
{{- if $said }}
{{- fail (printf "config.%s: is set by the value %s" $path $value) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Settings that are secrets: what is in `config` goes into a ConfigMap, so they are references or nothing. */}}
{{- define "sluicegate.refuseSecrets" -}}
{{- $config := .Values.config }}
{{- $found := dict }}
{{- range $part, $names := dict "alerts" (list "secret") "cache" (list "password" "sentinel_password") }}
{{- range $names }}
{{- $_ := set $found (printf "%s.%s" $part .) (index (index $config $part | default dict) .) }}
{{- end }}
{{- end }}
{{- range $name, $provider := $config.providers }}
{{- $_ := set $found (printf "providers.%s.key" $name) $provider.key }}
{{- range list "secret_access_key" "session_token" }}
{{- $_ := set $found (printf "providers.%s.aws.%s" $name .) (index ($provider.aws | default dict) .) }}
{{- end }}
{{- end }}
{{- range $name, $consumer := $config.consumers }}
{{- range $i, $key := $consumer.keys }}
{{- $_ := set $found (printf "consumers.%s.keys[%d].value" $name $i) $key.value }}
{{- end }}
{{- end }}
{{- range $path, $value := $found }}
{{- if and $value (not (contains "${" (toString $value))) }}
{{- fail (printf "config.%s: a secret in a ConfigMap: expected a reference, `${env:NAME}` or `${file:/path}` (gateway.extraEnv, gateway.extraVolumes)" $path) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sluicegate.made" -}}
{{- $tls := include "sluicegate.tlsOn" . -}}
gateway:
  listen: 0.0.0.0:8080
  workers: {{ include "sluicegate.workers" . }}
  trusted_proxies: {{ toJson .Values.gateway.trustedProxies }}
  private_networks: {{ toJson .Values.gateway.privateNetworks }}
  drain: {grace: {{ .Values.gateway.drain.grace }}, deadline: {{ .Values.gateway.drain.deadline }}}
  {{- if $tls }}
  tls:
    certificates: [{certificate: /etc/sluicegate-tls/tls.crt, key: /etc/sluicegate-tls/tls.key}]
  {{- end }}
management:
  listen: 0.0.0.0:9090
  {{- if $tls }}
  tls:
    certificates: [{certificate: /etc/sluicegate-tls/tls.crt, key: /etc/sluicegate-tls/tls.key}]
  {{- end }}
admin:
  token_file: /run/secrets/sluicegate/admin-token
state:
  url: {{ include "sluicegate.stateUrl" . }}
  # Before a worker has seen the state it takes its part of a limit, and there are never more of them than this.
  {{- $most := .Values.autoscaling.enabled | ternary .Values.autoscaling.maxReplicas .Values.replicas }}
  expected_workers: {{ mul (include "sluicegate.workers" . | int) (int $most) }}
  {{- with include "sluicegate.stateConfig" . }}
  {{- . | nindent 2 }}
  {{- end }}
store:
  url: postgresql://{{ include "sluicegate.databaseHost" . }}:{{ int .Values.database.port }}/{{ .Values.database.name }}
  connections: {{ int .Values.database.connections }}
  tls:
    mode: {{ .Values.database.tls.mode | quote }}
    {{- if .Values.database.tls.ca }}
    ca: /etc/sluicegate/database-ca.pem
    {{- end }}
region: {name: {{ .Values.region.name | quote }}, of: {{ int .Values.region.of }}}
data_dir: /var/lib/sluicegate
{{- end }}

{{- define "sluicegate.databaseHost" -}}
{{- if not .Values.database.host }}
{{- fail "database.host: expected the name or address of a PostgreSQL, found none" }}
{{- end }}
{{- if contains ":" .Values.database.host }}[{{ .Values.database.host }}]{{ else }}{{ .Values.database.host }}{{ end }}
{{- end }}

{{/* All of it but for what is kept in order: peppers and master keys. */}}
{{- define "sluicegate.application" -}}
{{- include "sluicegate.refuseOwned" . -}}
{{- include "sluicegate.refuseSecrets" . -}}
{{- include "sluicegate.refuseEverybody" . -}}
{{- $made := include "sluicegate.made" . | fromYaml -}}
{{- with $made.Error }}{{ fail . }}{{ end -}}
{{- toYaml (mergeOverwrite $made (deepCopy .Values.config)) -}}
{{- end }}

{{/* Its text, or that of some of its parts. Of peppers and master keys the first one counts, and toYaml would sort them.
     Takes {"root": $, "parts": application}. */}}
{{- define "sluicegate.inOrder" -}}
{{- toYaml (omit .parts "store") }}
store:
  {{- toYaml .parts.store | nindent 2 }}
  master_keys:
    {{- range .root.Values.secrets.masterKeys }}
    {{ . | quote }}: ${env:MASTER_KEY_{{ . }}}
    {{- end }}
peppers:
  {{- range .root.Values.secrets.peppers }}
  {{ . | quote }}: ${env:PEPPER_{{ . }}}
  {{- end }}
{{- end }}

{{/* The part of it that a reload does not apply: running pods have to be replaced. So do authorities, read at start. */}}
{{- define "sluicegate.restartSettings" -}}
{{- $settings := omit (include "sluicegate.application" . | fromYaml) "services" "plans" "teams" "consumers"
      "peppers" "providers" "models" "routes" "policies" -}}
{{- toYaml $settings }}
{{ toJson .Values.secrets.masterKeys }}
{{- range list .Values.database.tls.ca .Values.state.tls.ca }}
{{- with . }}
{{ . | trim | sha256sum }}
{{- end }}
{{- end }}
{{- end }}

{{/* Files of the ConfigMap. */}}
{{- define "sluicegate.configFiles" -}}
application.yml: |
  # Written by the chart: its own settings, and `config` over them.
  {{- include "sluicegate.inOrder" (dict "root" $ "parts" (include "sluicegate.application" . | fromYaml)) | nindent 2 }}
{{- include "sluicegate.databaseCa" . }}
{{- end }}

{{/* Files of a migration: what the store needs and no more. There is no certificate yet at a first installation. */}}
{{- define "sluicegate.migrationFiles" -}}
application.yml: |
  {{- $parts := pick (include "sluicegate.application" . | fromYaml) "admin" "data_dir" "region" "store" }}
  {{- include "sluicegate.inOrder" (dict "root" $ "parts" $parts) | nindent 2 }}
{{- include "sluicegate.databaseCa" . }}
{{- end }}

{{- define "sluicegate.databaseCa" -}}
{{- with .Values.database.tls.ca }}
database-ca.pem: |
  {{- . | trim | nindent 2 }}
{{- end }}
{{- end }}
