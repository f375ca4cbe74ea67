{{/* TLS inside the cluster: who has which certificate. */}}

{{/* "true" where it is on. */}}
{{- define "sluicegate.tlsOn" -}}{{- if ne .Values.tls.source "off" }}true{{ end }}{{- end }}

{{/* Secret with the gateway's tls.crt, tls.key and ca.crt. */}}
{{- define "sluicegate.tlsSecret" -}}
{{- if eq .Values.tls.source "secret" -}}
{{ required "tls.secret.gateway: expected the name of a Secret with tls.crt, tls.key and ca.crt, found none" .Values.tls.secret.gateway }}
{{- else -}}
gateway-tls
{{- end -}}
{{- end }}

{{/* The same of Valkey. */}}
{{- define "sluicegate.valkeyTlsSecret" -}}
{{- if eq .Values.tls.source "secret" -}}
{{ required "tls.secret.valkey: expected the name of a Secret with tls.crt, tls.key and ca.crt, found none" .Values.tls.secret.valkey }}
{{- else -}}
valkey-tls
{{- end -}}
{{- end }}

{{/* ConfigMap with the authority alone, for who verifies the gateway; empty where the chart does not know it. */}}
{{- define "sluicegate.caConfigMap" -}}{{- if eq .Values.tls.source "generated" }}gateway-ca{{ end }}{{- end }}

{{/* All forms of a Service's name, as pods may ask for it. Takes {"root": $, "service": "api-gateway"}. */}}
{{- define "sluicegate.serviceNames" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- range list "" (printf ".%s" $namespace) (printf ".%s.svc" $namespace) (printf ".%s.svc.cluster.local" $namespace) }}
- {{ printf "%s%s" $.service . | quote }}
{{- end }}
{{- end }}

{{- define "sluicegate.gatewayNames" -}}
{{- include "sluicegate.serviceNames" (dict "root" $ "service" "api-gateway") -}}
{{- include "sluicegate.serviceNames" (dict "root" $ "service" "api-gateway-management") }}
- localhost
{{- range .Values.tls.names }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* One by one: OpenSSL takes no wildcard with one label behind it, as `*.valkey` would be. */}}
{{- define "sluicegate.valkeyNames" -}}
{{- range splitList " " (include "sluicegate.valkeyPods" .) }}
{{- include "sluicegate.serviceNames" (dict "root" $ "service" (printf "%s.valkey" .)) }}
{{- end }}
- localhost
{{- end }}

{{/* What `generated` makes, once in a rendering: {"ca": …, "secrets": {name: {crt, key, names}}}, each as PEM.
     Certificates that are there stay as long as their names and their authority do. Keys are ECDSA's on P-256: for sprig's
     RSA ones, helm looks for primes for half a second. */}}
{{- define "sluicegate.generatedTls" -}}
{{- if not (hasKey .Values "madeTls") }}
{{- $days := int .Values.tls.generated.days }}
{{- $found := (lookup "v1" "Secret" .Release.Namespace "internal-ca").data | default dict }}
{{- $ca := dict }}
{{- if and (index $found "tls.crt") (index $found "tls.key") }}
{{- $ca = buildCustomCert (index $found "tls.crt") (index $found "tls.key") }}
{{- else }}
{{- $ca = genCAWithKey (printf "%s internal" .Release.Name) $days (genPrivateKey "ecdsa") }}
{{- end }}
{{- $wanted := dict "gateway-tls" (include "sluicegate.gatewayNames" . | fromYamlArray) }}
{{- if .Values.valkey.enabled }}
{{- $_ := set $wanted "valkey-tls" (include "sluicegate.valkeyNames" . | fromYamlArray) }}
{{- end }}
{{- $secrets := dict }}
{{- range $name, $names := $wanted }}
{{- $kept := lookup "v1" "Secret" $.Release.Namespace $name }}
{{- $data := $kept.data | default dict }}
{{- $told := ($kept.metadata | default dict).annotations | default dict }}
{{- $same := and (eq (index $data "ca.crt" | default "" | b64dec) $ca.Cert) (eq (index $told "sluicegate/names" | default "") (join "," $names)) }}
{{- if $same }}
{{- $_ := set $secrets $name (dict "crt" (index $data "tls.crt" | b64dec) "key" (index $data "tls.key" | b64dec) "names" (join "," $names)) }}
{{- else }}
{{- $made := genSignedCertWithKey (first $names) nil $names $days $ca (genPrivateKey "ecdsa") }}
{{- $_ := set $secrets $name (dict "crt" $made.Cert "key" $made.Key "names" (join "," $names)) }}
{{- end }}
{{- end }}
{{- $_ := set .Values "madeTls" (dict "ca" (dict "crt" $ca.Cert "key" $ca.Key) "secrets" $secrets) }}
{{- end }}
{{- toJson .Values.madeTls }}
{{- end }}
