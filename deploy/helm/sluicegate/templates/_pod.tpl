{{/* What a pod that runs `sluicegate` has: environment, files. */}}

{{/* Secrets of the store, whoever runs: the gateway's role, or the owner's with "migration-" before it.
     Takes {"root": $, "secret": its name, "role": "database" or "migration"}. */}}
{{- define "sluicegate.storeEnv" -}}
{{- $secret := .secret -}}
- name: SLUICEGATE_STORE_USERNAME
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ .role }}-username}}
- name: SLUICEGATE_STORE_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ .role }}-password}}
{{- range .root.Values.secrets.peppers }}
- name: PEPPER_{{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: pepper-{{ . }}}}
{{- end }}
{{- range .root.Values.secrets.masterKeys }}
- name: MASTER_KEY_{{ . }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: master-key-{{ . }}}}
{{- end }}
{{- end }}

{{/* The last ones are for the command line: `kubectl exec deployment/gateway -- sluicegate route list`. */}}
{{- define "sluicegate.env" -}}
{{ include "sluicegate.storeEnv" (dict "root" $ "secret" (include "sluicegate.secretName" .) "role" "database") }}
{{- with include "sluicegate.stateEnv" . }}
{{ . }}
{{- end }}
- {name: SLUICEGATE_ADMIN_URL, value: "{{ include "sluicegate.scheme" . }}://localhost:9090"}
- {name: SLUICEGATE_ADMIN_TOKEN_FILE, value: /run/secrets/sluicegate/admin-token}
{{- if include "sluicegate.tlsOn" . }}
- {name: SLUICEGATE_ADMIN_CA, value: /etc/sluicegate-tls/ca.crt}
{{- end }}
{{- end }}

{{- define "sluicegate.volumeMounts" -}}
- {name: config, mountPath: /etc/sluicegate, readOnly: true}
- {name: admin-token, mountPath: /run/secrets/sluicegate, readOnly: true}
{{- if include "sluicegate.tlsOn" . }}
- {name: tls, mountPath: /etc/sluicegate-tls, readOnly: true}
{{- end }}
- {name: data, mountPath: /var/lib/sluicegate}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{/* Whole folders, never single files (subPath): those the kubelet would not bring up to date.
     Takes {"config": name of the ConfigMap, "secret": name of the Secret}. */}}
{{- define "sluicegate.volumes" -}}
- name: config
  configMap: {name: {{ .config }}}
- name: admin-token
  secret:
    secretName: {{ .secret }}
    defaultMode: 0400
    items: [{key: admin-token, path: admin-token}]
- name: data
  emptyDir: {sizeLimit: 256Mi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}
