{{/* Jobs that change the schema. */}}

{{/* Annotations of what a Job before the release needs. */}}
{{- define "sluicegate.beforeMigration" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: "-10"
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* A Job. Takes {"root": $, "phase": "pre" or "post", "events": of helm, "await": whether to wait until all pods run this
     version, "secret": Secret, "account": ServiceAccount}. */}}
{{- define "sluicegate.migration" -}}
{{- $which := dict "root" .root "component" "migration" -}}
{{- $values := .root.Values -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: gateway-migration-{{ .phase }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- include "sluicegate.labels" $which | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .events }}
    helm.sh/hook-weight: "0"
    # It stays until the next one, so that its log can be read.
    helm.sh/hook-delete-policy: before-hook-creation
    {{- with $values.migrations.annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  backoffLimit: {{ int $values.migrations.backoffLimit }}
  activeDeadlineSeconds: {{ int $values.migrations.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels: {{- include "sluicegate.labels" $which | nindent 8 }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ .account }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with include "sluicegate.imagePullSecrets" .root }}
      {{- . | nindent 6 }}
      {{- end }}
      securityContext: {{- include "sluicegate.podSecurityContext" . | nindent 8 }}
      {{- with $values.gateway.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.gateway.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if .await }}
      initContainers:
        # helm goes on before the last old pod is gone, and without --wait before the first new one is there. At a first
        # installation it waits too: Argo CD renders every upgrade as one.
        - name: rollout
          image: {{ include "sluicegate.image" .root }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          command: [python3, /etc/sluicegate/rollout.py]
          args: ["{{ include "sluicegate.scheme" .root }}://api-gateway-management:{{ int $values.management.port }}"]
          resources: {{- toYaml $values.migrations.resources | nindent 12 }}
          securityContext: {{- include "sluicegate.containerSecurityContext" . | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/sluicegate, readOnly: true}
            - {name: tmp, mountPath: /tmp}
      {{- end }}
      containers:
        - name: migration
          image: {{ include "sluicegate.image" .root }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args: [migrate, /etc/sluicegate/application.yml, --phase, {{ .phase }}]
          env: {{- include "sluicegate.storeEnv" (dict "root" .root "secret" .secret "role" "migration") | nindent 12 }}
          resources: {{- toYaml $values.migrations.resources | nindent 12 }}
          securityContext: {{- include "sluicegate.containerSecurityContext" . | nindent 12 }}
          volumeMounts:
            - {name: config, mountPath: /etc/sluicegate, readOnly: true}
            - {name: admin-token, mountPath: /run/secrets/sluicegate, readOnly: true}
            - {name: data, mountPath: /var/lib/sluicegate}
            - {name: tmp, mountPath: /tmp}
      volumes:
        {{- include "sluicegate.volumes" (dict "config" "gateway-migration-config" "secret" .secret) | nindent 8 }}
{{- end }}
