{{/* Where limits are counted: the chart's Valkey, or a server outside. */}}

{{- define "sluicegate.valkeyPods" -}}
{{- range until 3 }}{{ if . }} {{ end }}valkey-{{ . }}{{ end }}
{{- end }}

{{- define "sluicegate.stateUrl" -}}
{{- $given := .Values.state.url -}}
{{- if .Values.valkey.enabled -}}
{{- if or $given .Values.state.username .Values.state.sentinelUsername .Values.state.tls.ca -}}
{{- fail "state: is for a server outside the chart; expected valkey.enabled: false beside it" -}}
{{- end -}}
redis{{ if include "sluicegate.tlsOn" . }}s{{ end }}+sentinel://
{{- range $i, $pod := splitList " " (include "sluicegate.valkeyPods" .) }}{{ if $i }},{{ end }}{{ $pod }}.valkey:26379{{ end }}/limits
{{- else -}}
{{- if not $given -}}
{{- fail "state.url: expected where the state is, with valkey.enabled: false; found none" -}}
{{- end -}}
{{- if and .Values.state.tls.ca (not (hasPrefix "rediss" $given)) -}}
{{- fail "state.tls.ca: expected `rediss` in state.url beside it" -}}
{{- end -}}
{{ $given }}
{{- end -}}
{{- end }}

{{/* More of `state` in application.yml. */}}
{{- define "sluicegate.stateConfig" -}}
{{- if .Values.valkey.enabled -}}
username: gateway
sentinel_username: gateway
{{- if include "sluicegate.tlsOn" . }}
tls: {ca: /etc/sluicegate-tls/ca.crt}
{{- end }}
{{- else -}}
{{- with .Values.state.username }}
username: {{ . | quote }}
{{- end }}
{{- with .Values.state.sentinelUsername }}
sentinel_username: {{ . | quote }}
{{- end }}
{{- if .Values.state.tls.ca }}
tls: {ca: /etc/sluicegate-state/ca.crt}
{{- end }}
{{- end -}}
{{- end }}

{{- define "sluicegate.stateEnv" -}}
- name: SLUICEGATE_STATE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "sluicegate.secretName" . }}, key: state-password}}
{{- if or .Values.valkey.enabled .Values.state.sentinelUsername }}
- name: SLUICEGATE_STATE_SENTINEL_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "sluicegate.secretName" . }}, key: state-password}}
{{- end }}
{{- end }}

{{- define "sluicegate.stateVolumes" -}}
{{- if and (not .Values.valkey.enabled) .Values.state.tls.ca -}}
- name: state-ca
  configMap: {name: state-ca}
{{- end }}
{{- end }}

{{- define "sluicegate.stateVolumeMounts" -}}
{{- if and (not .Values.valkey.enabled) .Values.state.tls.ca -}}
- {name: state-ca, mountPath: /etc/sluicegate-state, readOnly: true}
{{- end }}
{{- end }}

{{/* A memory quantity in bytes. */}}
{{- define "sluicegate.bytes" -}}
{{- $number := regexFind "^[0-9.]+" (toString .) -}}
{{- $unit := trimPrefix $number (toString .) -}}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- if not (hasKey $factors $unit) }}{{ fail (printf "expected a quantity of memory such as 1Gi, found %q" (toString .)) }}{{ end -}}
{{- mulf (float64 $number) (get $factors $unit) | floor | int64 -}}
{{- end }}

{{/* Names that ACL rules give the gateway: `config.state.namespace`. */}}
{{- define "sluicegate.stateNamespace" -}}{{ (.Values.config.state | default dict).namespace | default "sg" }}{{- end }}
