{{/* A SpinApp. Arguments: the root, the name, the image, the number of replicas, and whether an autoscaler sets that number (`scaled`). */}}
{{- define "bank.spinApp" -}}
{{- $app := . }}
{{- with .root }}
- apiVersion: core.spinkube.dev/v1alpha1
  kind: SpinApp
  metadata:
    name: {{ $app.name }}
    namespace: {{ .Release.Namespace | quote }}
    labels:
      {{- include "bank.labels" (list . "app") | nindent 6 }}
  spec:
    image: {{ $app.image | quote }}
    executor: {{ .Values.executor.name | quote }}
    {{- with .Values.image.pullSecrets }}
    imagePullSecrets:
      {{- range . }}
      - name: {{ quote . }}
      {{- end }}
    {{- end }}
    {{- if $app.scaled }}
    enableAutoscaling: true
    deploymentAnnotations:
      # The pod policy reads this annotation.
      money-bank/min-replicas: {{ .Values.autoscaling.minReplicas | quote }}
    {{- else }}
    replicas: {{ $app.replicas }}
    {{- end }}
    serviceAccountName: {{ include "bank.name" . }}
    podLabels:
      {{- include "bank.podLabels" (list . "app") | nindent 6 }}
      {{- with include "bank.meshLabels" (list . true) | trim }}{{ nindent 6 . }}{{ end }}
    # A changed Secret or policy does not replace pods. A changed annotation does.
    podAnnotations:
      checksum/pod: {{ list (include "bank.podPatches" .) (include "bank.podPolicyVersion" .) (include "bank.redisUrlMark" .) | toJson | sha256sum | trunc 16 | quote }}
      secret-revision: {{ include "bank.secretRevision" . | quote }}
      {{- with include "bank.meshAnnotations" (list . true) | trim }}{{ nindent 6 . }}{{ end }}
    resources:
      {{- include "bank.resources" .Values.resources | trim | nindent 6 }}
    checks:
      readiness:
        {{- include "bank.check" .Values.probes.readiness | nindent 8 }}
      liveness:
        {{- include "bank.check" (include "bank.liveness" . | fromYaml) | nindent 8 }}
    variables:
      {{- include "bank.variables" . | trim | nindent 6 }}
    # The operator writes this into a Secret named after its contents, so a new address replaces the pods.
    runtimeConfig:
      keyValueStores:
        - name: default
          type: redis
          options:
            - name: url
              valueFrom:
                secretKeyRef: {name: {{ include "bank.redisUrlSecret" . | quote }}, key: url}
    # The shim keeps compiled components here; the rest of its file system is read-only.
    volumes:
      - name: cache
        emptyDir:
          sizeLimit: 256Mi
    volumeMounts:
      - {name: cache, mountPath: /.cache}
{{- end }}
{{- end }}
