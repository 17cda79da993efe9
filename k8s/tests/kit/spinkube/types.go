// Package spinkube holds SpinKube's kinds as spin-operator 0.6 declares them, field by field: their JSON names, what is
// omitted when empty, and the defaults. controller-gen makes the definitions that the tests install from it. So the API
// server is as strict as with the operator's own.
//
// +groupName=core.spinkube.dev
// +versionName=v1alpha1
package spinkube

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SpinApp is an application.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:JSONPath=".status.readyReplicas",name=Ready,type=integer
// +kubebuilder:printcolumn:JSONPath=".spec.replicas",name=Desired,type=integer
// +kubebuilder:printcolumn:JSONPath=".spec.executor",name=Executor,type=string
// +kubebuilder:printcolumn:JSONPath=".status.deploymentName",name=Deployment,type=string,priority=1
// +kubebuilder:printcolumn:JSONPath=".status.serviceName",name=Service,type=string,priority=1
type SpinApp struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SpinAppSpec   `json:"spec,omitempty"`
	Status SpinAppStatus `json:"status,omitempty"`
}

// SpinAppList is a list of them.
//
// +kubebuilder:object:root=true
type SpinAppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SpinApp `json:"items"`
}

// SpinAppSpec is the desired state.
//
// +kubebuilder:validation:Optional
type SpinAppSpec struct {
	Executor string `json:"executor"`
	// +kubebuilder:validation:Required
	Image            string                        `json:"image"`
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`
	Checks           HealthChecks                  `json:"checks,omitempty"`
	Replicas         int32                         `json:"replicas,omitempty"`
	// +kubebuilder:default:=false
	EnableAutoscaling     bool                 `json:"enableAutoscaling,omitempty"`
	RuntimeConfig         RuntimeConfig        `json:"runtimeConfig,omitempty"`
	Volumes               []corev1.Volume      `json:"volumes,omitempty"`
	VolumeMounts          []corev1.VolumeMount `json:"volumeMounts,omitempty"`
	Variables             []SpinVar            `json:"variables,omitempty"`
	ServiceAnnotations    map[string]string    `json:"serviceAnnotations,omitempty"`
	DeploymentAnnotations map[string]string    `json:"deploymentAnnotations,omitempty"`
	PodAnnotations        map[string]string    `json:"podAnnotations,omitempty"`
	PodLabels             map[string]string    `json:"podLabels,omitempty"`
	Resources             Resources            `json:"resources,omitempty"`
	// +kubebuilder:validation:MinItems:=1
	Components []string `json:"components,omitempty"`
	// +optional
	ServiceAccountName string            `json:"serviceAccountName,omitempty"`
	InvocationLimits   map[string]string `json:"invocationLimits,omitempty"`
}

// SpinAppStatus is the observed state.
type SpinAppStatus struct {
	Conditions      []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
	ActiveScheduler string             `json:"activeScheduler,omitempty"`
	ReadyReplicas   int32              `json:"readyReplicas"`
	DeploymentName  string             `json:"deploymentName,omitempty"`
	ServiceName     string             `json:"serviceName,omitempty"`
}

// RuntimeConfig becomes the shim's runtime configuration file.
type RuntimeConfig struct {
	// +optional
	LoadFromSecret  string            `json:"loadFromSecret,omitempty"`
	SqliteDatabases []NamedConfig     `json:"sqliteDatabases,omitempty"`
	KeyValueStores  []NamedConfig     `json:"keyValueStores,omitempty"`
	LLMCompute      *LLMComputeConfig `json:"llmCompute,omitempty"`
}

// NamedConfig is a database or a key-value store.
type NamedConfig struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Options []Option `json:"options,omitempty"`
}

// LLMComputeConfig says where models run.
type LLMComputeConfig struct {
	Type    string   `json:"type"`
	Options []Option `json:"options,omitempty"`
}

// Option is an option of a store.
type Option struct {
	Name string `json:"name"`
	// +optional
	Value string `json:"value,omitempty"`
	// +optional
	ValueFrom *OptionSource `json:"valueFrom,omitempty"`
}

// OptionSource says where an option's value is.
type OptionSource struct {
	// +optional
	ConfigMapKeyRef *corev1.ConfigMapKeySelector `json:"configMapKeyRef,omitempty"`
	// +optional
	SecretKeyRef *corev1.SecretKeySelector `json:"secretKeyRef,omitempty"`
}

// SpinVar is a variable of the application.
type SpinVar struct {
	Name string `json:"name"`
	// +optional
	Value string `json:"value,omitempty"`
	// +optional
	ValueFrom *corev1.EnvVarSource `json:"valueFrom,omitempty"`
}

// Resources are those of a pod.
type Resources struct {
	Limits   corev1.ResourceList `json:"limits,omitempty"`
	Requests corev1.ResourceList `json:"requests,omitempty"`
}

// HealthChecks are the two probes that a SpinApp can have.
type HealthChecks struct {
	Readiness *HealthProbe `json:"readiness,omitempty"`
	Liveness  *HealthProbe `json:"liveness,omitempty"`
}

// HealthProbe is a probe.
type HealthProbe struct {
	HTTPGet *HTTPHealthProbe `json:"httpGet,omitempty"`
	// +kubebuilder:default:=10
	InitialDelaySeconds int32 `json:"initialDelaySeconds,omitempty"`
	// +kubebuilder:default:=1
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`
	// +optional
	// +kubebuilder:default:=10
	PeriodSeconds int32 `json:"periodSeconds,omitempty"`
	// +optional
	// +kubebuilder:default:=1
	SuccessThreshold int32 `json:"successThreshold,omitempty"`
	// +optional
	// +kubebuilder:default:=3
	FailureThreshold int32 `json:"failureThreshold,omitempty"`
}

// HTTPHealthProbe is the request of a probe. The operator writes HTTPHeaders as null when it is empty, although its own
// definition refuses the null.
type HTTPHealthProbe struct {
	Path string `json:"path"`
	// +optional
	HTTPHeaders []HTTPHealthProbeHeader `json:"httpHeaders"`
}

// HTTPHealthProbeHeader is a header of a probe.
type HTTPHealthProbeHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SpinAppExecutor says how the applications of a namespace are run.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type SpinAppExecutor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   SpinAppExecutorSpec   `json:"spec,omitempty"`
	Status SpinAppExecutorStatus `json:"status,omitempty"`
}

// SpinAppExecutorList is a list of them.
//
// +kubebuilder:object:root=true
type SpinAppExecutorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SpinAppExecutor `json:"items"`
}

// SpinAppExecutorSpec is the desired state.
type SpinAppExecutorSpec struct {
	CreateDeployment bool                      `json:"createDeployment"`
	DeploymentConfig *ExecutorDeploymentConfig `json:"deploymentConfig,omitempty"`
}

// ExecutorDeploymentConfig says how Deployments are made.
type ExecutorDeploymentConfig struct {
	RuntimeClassName      *string     `json:"runtimeClassName,omitempty"`
	SpinImage             *string     `json:"spinImage,omitempty"`
	CACertSecret          string      `json:"caCertSecret,omitempty"`
	InstallDefaultCACerts bool        `json:"installDefaultCACerts,omitempty"`
	Otel                  *OtelConfig `json:"otel,omitempty"`
}

// SpinAppExecutorStatus is empty.
type SpinAppExecutorStatus struct{}

// OtelConfig says where telemetry goes.
type OtelConfig struct {
	ExporterOtlpEndpoint        string `json:"exporter_otlp_endpoint,omitempty"`
	ExporterOtlpTracesEndpoint  string `json:"exporter_otlp_traces_endpoint,omitempty"`
	ExporterOtlpMetricsEndpoint string `json:"exporter_otlp_metrics_endpoint,omitempty"`
	ExporterOtlpLogsEndpoint    string `json:"exporter_otlp_logs_endpoint,omitempty"`
}
