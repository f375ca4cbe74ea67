{{/* Where credentials come from. Values are never anywhere but in Secrets. */}}

{{- define "sluicegate.secretName" -}}{{ .Values.secrets.name }}{{- end }}

{{/* What migrations use. They run before anything else of the release is there, so it is a hook of its own; a Secret that
     the chart does not make is there already. */}}
{{- define "sluicegate.migrationSecretName" -}}
{{ .Values.secrets.name }}{{ if ne .Values.secrets.source "existing" }}-migration{{ end }}
{{- end }}

{{/* Keys that both need: which `sluicegate` reads with whatever command. */}}
{{- define "sluicegate.sharedKeys" -}}
- admin-token
{{- range .Values.secrets.peppers }}
- pepper-{{ . }}
{{- end }}
{{- range .Values.secrets.masterKeys }}
- master-key-{{ . }}
{{- end }}
{{- end }}

{{- define "sluicegate.gatewayKeys" -}}
{{ include "sluicegate.sharedKeys" . }}
- database-username
- database-password
- state-password
{{- if .Values.valkey.enabled }}
- valkey-password
{{- end }}
{{- end }}

{{- define "sluicegate.migrationKeys" -}}
{{ include "sluicegate.sharedKeys" . }}
- migration-username
- migration-password
{{- end }}

{{/* What `generated` makes, once in a rendering: all keys of both Secrets, in base64. What is there stays. Peppers and
     master keys are 32 bytes in base64, as docs/howto/stored-secrets.md has them. */}}
{{- define "sluicegate.generatedSecrets" -}}
{{- if not (hasKey .Values "madeSecrets") }}
{{- $kept := (lookup "v1" "Secret" .Release.Namespace .Values.secrets.name).data | default dict }}
{{- $made := dict }}
{{- range concat (include "sluicegate.gatewayKeys" . | fromYamlArray) (include "sluicegate.migrationKeys" . | fromYamlArray) | uniq }}
{{- $value := "" }}
{{- if eq . "database-username" }}
{{- $value = $.Values.secrets.generated.databaseUsername }}
{{- else if eq . "migration-username" }}
{{- $value = $.Values.secrets.generated.migrationUsername }}
{{- else if or (hasPrefix "pepper-" .) (hasPrefix "master-key-" .) }}
{{- $value = randBytes 32 }}
{{- else }}
{{- $value = randAlphaNum 48 }}
{{- end }}
{{- $_ := set $made . (index $kept . | default ($value | b64enc)) }}
{{- end }}
{{- $_ := set .Values "madeSecrets" $made }}
{{- end }}
{{- toJson .Values.madeSecrets }}
{{- end }}

{{/* What pods are replaced for when it changes: secrets as environment are read at start. */}}
{{- define "sluicegate.generatedChecksum" -}}
{{- if eq .Values.secrets.source "generated" }}{{ include "sluicegate.generatedSecrets" . }}{{ end }}
{{- end }}
