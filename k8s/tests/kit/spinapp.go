package kit

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SpinApp is what of one the operator passes on.
type SpinApp struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Executor, Image    string
		ImagePullSecrets   []corev1.LocalObjectReference
		Replicas           int32
		EnableAutoscaling  bool
		ServiceAccountName string
		PodLabels          map[string]string
		PodAnnotations     map[string]string

		DeploymentAnnotations map[string]string
		Resources             corev1.ResourceRequirements
		Checks                struct{ Liveness, Readiness *corev1.Probe }
		Variables             []corev1.EnvVar
		RuntimeConfig         struct {
			KeyValueStores []struct {
				Name, Type string
				Options    []corev1.EnvVar
			}
		}
		Volumes      []corev1.Volume
		VolumeMounts []corev1.VolumeMount
	}
}

// AsSpinApp reads one.
func AsSpinApp(text []byte) (SpinApp, error) {
	var app SpinApp
	return app, json.Unmarshal(text, &app)
}

// Environment is what its variables become in the shim's environment.
func (a SpinApp) Environment() []corev1.EnvVar {
	var environment []corev1.EnvVar
	for _, variable := range a.Spec.Variables {
		variable.Name = "SPIN_VARIABLE_" + strings.ToUpper(variable.Name)
		environment = append(environment, variable)
	}
	return environment
}

// RuntimeConfig is what the operator writes into the file that it mounts for the shim.
func (a SpinApp) RuntimeConfig(read func(*corev1.SecretKeySelector) (string, error)) (string, error) {
	text := "[[config_provider]]\ntype = 'env'\nprefix = 'SPIN_VARIABLE_'\n\n[key_value_store]\n"
	for _, store := range a.Spec.RuntimeConfig.KeyValueStores {
		text += fmt.Sprintf("[key_value_store.%s]\ntype = %q\n", store.Name, store.Type)
		for _, option := range store.Options {
			value, err := read(option.ValueFrom.SecretKeyRef)
			if err != nil {
				return "", err
			}
			text += fmt.Sprintf("%s = %q\n", option.Name, value)
		}
	}
	return text, nil
}
