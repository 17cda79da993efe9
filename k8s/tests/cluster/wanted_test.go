package cluster

import (
	"context"
	"errors"
	"maps"

	. "moneybank/k8s/tests/kit/spinkube"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The objects that the operator makes for a SpinApp, and the status that it writes.

func appLabels(app *SpinApp) map[string]string {
	return map[string]string{"core.spinkube.dev/app-name": app.Name}
}

// ready returns the labels that its Service selects.
func ready(app *SpinApp) map[string]string {
	return map[string]string{"core.spinkube.dev/app." + app.Name + ".status": "ready"}
}

func orEmpty(set map[string]string) map[string]string {
	if set == nil {
		return map[string]string{}
	}
	return set
}

func serviceOf(app *SpinApp) *corev1.Service {
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name, Labels: appLabels(app),
			Annotations: orEmpty(app.Spec.ServiceAnnotations)},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Selector: ready(app),
			Ports: []corev1.ServicePort{{Protocol: corev1.ProtocolTCP, Port: Port, TargetPort: intstr.FromString("http-app")}}},
	}
}

func deploymentOf(app *SpinApp, config *ExecutorDeploymentConfig, secret, certificates string) (*appsv1.Deployment, error) {
	container, err := containerOf(app, config)
	if err != nil {
		return nil, err
	}
	if app.Spec.RuntimeConfig.LoadFromSecret != "" {
		secret = app.Spec.RuntimeConfig.LoadFromSecret
	}
	volumes := mountVolumes(app, &container, secret, certificates)
	selector := ready(app)
	maps.Copy(selector, appLabels(app))
	labels := maps.Clone(orEmpty(app.Spec.PodLabels))
	maps.Copy(labels, selector)
	account := app.Spec.ServiceAccountName
	if account == "" {
		account = "default"
	}
	deployment := &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name, Labels: appLabels(app),
			Annotations: orEmpty(app.Spec.DeploymentAnnotations)},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: orEmpty(app.Spec.PodAnnotations)},
				Spec: corev1.PodSpec{RuntimeClassName: config.RuntimeClassName, ServiceAccountName: account,
					Containers: []corev1.Container{container}, ImagePullSecrets: app.Spec.ImagePullSecrets, Volumes: volumes},
			},
		},
	}
	// With autoscaling the operator sets no number. The API server then sets one, again at every change.
	if !app.Spec.EnableAutoscaling {
		deployment.Spec.Replicas = &app.Spec.Replicas
	}
	return deployment, nil
}

// mountVolumes mounts the runtime configuration, the application's own volumes and the trusted CAs, in this order.
func mountVolumes(app *SpinApp, container *corev1.Container, secret, certificates string) (volumes []corev1.Volume) {
	mount := func(name, secret, key, path string) {
		if secret == "" {
			return
		}
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: secret, Optional: new(true), Items: []corev1.KeyToPath{{Key: key, Path: key}}}}})
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: path, SubPath: key})
	}
	mount("spin-runtime-config", secret, "runtime-config.toml", "/runtime-config.toml")
	volumes = append(volumes, app.Spec.Volumes...)
	container.VolumeMounts = append(container.VolumeMounts, app.Spec.VolumeMounts...)
	mount("spin-ca", certificates, "ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt")
	return volumes
}

func containerOf(app *SpinApp, config *ExecutorDeploymentConfig) (corev1.Container, error) {
	environment, err := app.Environment(config.Otel)
	if err != nil {
		return corev1.Container{}, err
	}
	readiness, readinessErr := probeOf(app.Spec.Checks.Readiness)
	liveness, livenessErr := probeOf(app.Spec.Checks.Liveness)
	if config.RuntimeClassName == nil {
		err = errors.New("these tests know the shim alone: a runtimeClassName")
	}
	return corev1.Container{
		Name: app.Name, Image: app.Spec.Image, Command: []string{"/"}, Env: environment,
		Ports:     []corev1.ContainerPort{{Name: "http-app", ContainerPort: Port}},
		Resources: corev1.ResourceRequirements{Limits: app.Spec.Resources.Limits, Requests: app.Spec.Resources.Requests},
		// A SpinApp has no startup probe.
		LivenessProbe: liveness, ReadinessProbe: readiness,
	}, errors.Join(err, readinessErr, livenessErr)
}

func probeOf(probe *HealthProbe) (*corev1.Probe, error) {
	if probe == nil {
		return nil, nil
	}
	if probe.HTTPGet == nil {
		return nil, errors.New("probe exists but with unknown configuration, expected httpGet")
	}
	var headers []corev1.HTTPHeader
	for _, header := range probe.HTTPGet.HTTPHeaders {
		headers = append(headers, corev1.HTTPHeader{Name: header.Name, Value: header.Value})
	}
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: probe.HTTPGet.Path, Port: intstr.FromInt32(Port), HTTPHeaders: headers}},
		InitialDelaySeconds: probe.InitialDelaySeconds, TimeoutSeconds: probe.TimeoutSeconds, PeriodSeconds: probe.PeriodSeconds,
		SuccessThreshold: probe.SuccessThreshold, FailureThreshold: probe.FailureThreshold,
	}, nil
}

// updateStatus copies from the Deployment how many pods are ready, and two of its conditions. A third condition says why pods
// are refused; a SpinApp does not show it.
func (o *operator) updateStatus(ctx context.Context, app *SpinApp, executor *SpinAppExecutor) error {
	if !executor.Spec.CreateDeployment {
		return nil
	}
	app.Status.ActiveScheduler = app.Spec.Executor
	key := client.ObjectKeyFromObject(app)
	var deployment appsv1.Deployment
	conditions := []metav1.Condition{}
	switch err := o.Get(ctx, key, &deployment); {
	case apierrors.IsNotFound(err):
		for _, kind := range []string{"Available", "Progressing"} {
			conditions = append(conditions, metav1.Condition{Type: kind, Status: metav1.ConditionUnknown,
				Reason: "DeploymentNotFound", Message: "Deployment not found"})
		}
	case err != nil:
		return err
	default:
		app.Status.DeploymentName = deployment.Name
		for _, of := range deployment.Status.Conditions {
			if of.Type == appsv1.DeploymentAvailable || of.Type == appsv1.DeploymentProgressing {
				conditions = append(conditions, metav1.Condition{Type: string(of.Type), Status: metav1.ConditionStatus(of.Status),
					Reason: of.Reason, Message: of.Message})
			}
		}
	}
	app.Status.ReadyReplicas = deployment.Status.ReadyReplicas
	for _, condition := range conditions {
		meta.SetStatusCondition(&app.Status.Conditions, condition)
	}
	var service corev1.Service
	if err := o.Get(ctx, key, &service); err == nil {
		app.Status.ServiceName = service.Name
	} else if !apierrors.IsNotFound(err) {
		return err
	}
	// If it was changed meanwhile, it comes again.
	_ = o.Status().Update(ctx, app)
	return o.Get(ctx, key, app)
}
