{{/* Scripts and configuration, without a secret: the scripts add those, in memory. */}}
{{- define "sluicegate.valkeyFiles" -}}
{{- $tls := include "sluicegate.tlsOn" . -}}
{{- range $path, $_ := .Files.Glob "files/valkey/*.sh" }}
{{ base $path }}: |
  {{- $.Files.Get $path | trim | nindent 2 }}
{{- end }}
valkey.conf: |
  {{- include "sluicegate.valkeyListening" (dict "tls" $tls "port" 6379) | nindent 2 }}
  # Counts are never thrown away: at the limit new ones are refused. Below the container's limit, for what is not counted.
  maxmemory {{ divf (mulf (include "sluicegate.bytes" .Values.valkey.resources.limits.memory | float64) .Values.valkey.maxmemoryPercent) 100 | floor | int64 }}
  maxmemory-policy noeviction
  # A primary that nobody follows would count what a failover then loses.
  min-replicas-to-write {{ int .Values.valkey.minReplicasToWrite }}
  min-replicas-max-lag {{ int .Values.valkey.minReplicasMaxLag }}
  # Quotas of a day and budgets of a month survive a restart of all pods. A second of counts is what an fsync each second
  # may lose, and a replica has those; an fsync for each write would take longer than a request waits (25 ms).
  appendonly yes
  appendfsync everysec
  # Nor does one wait while the file is rewritten.
  no-appendfsync-on-rewrite yes
  save ""
  repl-diskless-sync yes
  repl-diskless-sync-delay 1
  # Writes of a minute at some hundred KiB a second: a replica that was away for less gets these and not everything.
  repl-backlog-size 32mb
  # A connection to an address that is gone is given up before callers notice; the default is a minute.
  repl-timeout 10
  repl-ping-replica-period 3
  # A replica without its primary still answers probes; the gateway asks primaries only.
  replica-serve-stale-data yes
  replica-read-only yes
  shutdown-timeout 5
sentinel.conf: |
  {{- include "sluicegate.valkeyListening" (dict "tls" $tls "port" 26379) | nindent 2 }}
  # Names stay when pods get other addresses, and certificates are for names.
  sentinel resolve-hostnames yes
  sentinel announce-hostnames yes
  sentinel announce-port 26379
  sentinel down-after-milliseconds limits {{ int .Values.valkey.downAfterMilliseconds }}
  # A failover that did not succeed is tried again after twice this; the default of 3 minutes is for much more data.
  sentinel failover-timeout limits 5000
  # One after the other: while one is filled the other one is what a new primary may write by.
  sentinel parallel-syncs limits 1
{{- end }}

{{/* Takes {"tls": …, "port": …}. */}}
{{- define "sluicegate.valkeyListening" -}}
bind * -::*
# Instead of it: every user needs a password, and `default` is off.
protected-mode no
{{- if .tls }}
port 0
tls-port {{ .port }}
tls-cert-file /run/secrets/valkey-tls/tls.crt
tls-key-file /run/secrets/valkey-tls/tls.key
tls-ca-cert-file /run/secrets/valkey-tls/ca.crt
tls-protocols "TLSv1.2 TLSv1.3"
tls-replication yes
# Who comes in shows a password.
tls-auth-clients no
{{- else }}
port {{ .port }}
{{- end }}
{{- end }}
