{{/* Names, labels and figures that several templates share. Names are fixed: one release to a namespace. */}}

{{/* Labels that a selector uses. They never change: a Deployment's selector is immutable.
     Takes {"root": $, "component": "gateway"}. */}}
{{- define "sluicegate.selector" -}}
app.kubernetes.io/name: sluicegate
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* All labels of an object. Takes the same. */}}
{{- define "sluicegate.labels" -}}
{{ include "sluicegate.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: sluicegate
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{/* The gateway's image: by digest where there is one. */}}
{{- define "sluicegate.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "sluicegate.imagePullSecrets" -}}
{{- if .Values.imagePullSecrets -}}
imagePullSecrets:
  {{- range .Values.imagePullSecrets }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "sluicegate.serviceAccountName" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
{{- fail "serviceAccount.name: expected the name of an account that is there, with serviceAccount.create: false" }}
{{- end }}
{{- .Values.serviceAccount.name | default "gateway" }}
{{- end }}

{{/* Pod Security `restricted`, for every pod of the chart. 10001 is the image's user. */}}
{{- define "sluicegate.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "sluicegate.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A duration of the gateway (`250ms`, `1.5s`, `2m`, `0`) in whole seconds, rounded up. */}}
{{- define "sluicegate.seconds" -}}
{{- $number := regexFind "^[0-9.]+" (toString .) | float64 -}}
{{- $unit := regexFind "[a-z]+$" (toString .) -}}
{{- $factor := get (dict "us" 0.000001 "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 "" 1.0) $unit -}}
{{- ceil (mulf $number $factor) | int -}}
{{- end }}

{{/* A CPU quantity in thousandths: `500m`, `2`, `1.5`. */}}
{{- define "sluicegate.milli" -}}
{{- $text := toString . -}}
{{- if hasSuffix "m" $text }}{{ trimSuffix "m" $text | int }}{{ else }}{{ mulf (float64 $text) 1000 | ceil | int }}{{ end -}}
{{- end }}

{{/* Worker processes of a pod. `auto` of the gateway counts the node's CPUs where there is no limit, so the chart counts. */}}
{{- define "sluicegate.workers" -}}
{{- if .Values.gateway.workers -}}
{{ int .Values.gateway.workers }}
{{- else -}}
{{- $cpu := .Values.gateway.resources.limits.cpu | default .Values.gateway.resources.requests.cpu -}}
{{- divf (include "sluicegate.milli" $cpu) 1000 | ceil | int | max 1 -}}
{{- end -}}
{{- end }}

{{/* Resources of the gateway's container: memory by the number of workers, where it is not said. */}}
{{- define "sluicegate.resources" -}}
{{- $asked := .Values.gateway.resources -}}
{{- $request := add (mul 160 (include "sluicegate.workers" . | int)) 192 -}}
{{- $limit := $asked.limits.memory | default $asked.requests.memory | default (printf "%dMi" (mul 2 $request)) -}}
requests:
  cpu: {{ $asked.requests.cpu | quote }}
  memory: {{ $asked.requests.memory | default (printf "%dMi" $request) }}
limits:
  {{- with $asked.limits.cpu }}
  cpu: {{ . | quote }}
  {{- end }}
  memory: {{ $limit }}
{{- end }}

{{/* All that may pass between the order to end and the end, with 5 s for the end itself. */}}
{{- define "sluicegate.terminationGracePeriodSeconds" -}}
{{- $drain := .Values.gateway.drain -}}
{{- $seconds := 5 -}}
{{- range list $drain.preStop $drain.grace $drain.deadline -}}
{{- $seconds = add $seconds (include "sluicegate.seconds" .) -}}
{{- end -}}
{{- $seconds -}}
{{- end }}
