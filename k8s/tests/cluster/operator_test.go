package cluster

import (
	"context"
	"fmt"
	"hash/adler32"
	"time"

	"moneybank/k8s/tests/kit"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var (
	spinApps  = schema.GroupVersionResource{Group: "core.spinkube.dev", Version: "v1alpha1", Resource: "spinapps"}
	executors = schema.GroupVersionResource{Group: "core.spinkube.dev", Version: "v1alpha1", Resource: "spinappexecutors"}
)

// operate plays spin-operator 0.6 until the test ends: of each SpinApp a Secret with the runtime
// configuration, a Deployment and a Service, both named after it.
func (p *Plane) operate(ctx context.Context) {
	said := map[string]bool{}
	for ctx.Err() == nil {
		apps, err := p.Dynamic.Resource(spinApps).List(ctx, metav1.ListOptions{})
		if err == nil {
			for _, item := range apps.Items {
				err := p.reconcile(ctx, item)
				if message := fmt.Sprintf("operator: %s: %v", item.GetNamespace(), err); err != nil && ctx.Err() == nil && !said[message] {
					said[message] = true
					p.Log(message)
				}
			}
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (p *Plane) reconcile(ctx context.Context, item unstructured.Unstructured) error {
	text, err := item.MarshalJSON()
	if err != nil {
		return err
	}
	app, err := kit.AsSpinApp(text)
	if err != nil {
		return err
	}
	executor, err := p.Dynamic.Resource(executors).Namespace(app.Namespace).Get(ctx, app.Spec.Executor, metav1.GetOptions{})
	if err != nil || app.DeletionTimestamp != nil {
		return err
	}
	runtimeClass, _, _ := unstructured.NestedString(executor.Object, "spec", "deploymentConfig", "runtimeClassName")
	config, err := app.RuntimeConfig(func(key *corev1.SecretKeySelector) (string, error) {
		secret, err := p.CoreV1().Secrets(app.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return string(secret.Data[key.Key]), nil
	})
	if err != nil {
		return err
	}
	owner := metav1.NewControllerRef(&app, item.GroupVersionKind())
	owner.BlockOwnerDeletion = new(true)
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: app.Namespace, OwnerReferences: []metav1.OwnerReference{*owner},
			Labels: map[string]string{"core.spinkube.dev/app-name": app.Name}}
	}
	secret := &corev1.Secret{ObjectMeta: meta(fmt.Sprintf("%s-%x", app.Name, adler32.Checksum([]byte(config)))),
		StringData: map[string]string{"runtime-config.toml": config}}
	if _, err := p.CoreV1().Secrets(app.Namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	deployment := deploymentOf(app, meta(app.Name), runtimeClass, secret.Name)
	deployment.Annotations = app.Spec.DeploymentAnnotations
	service := &corev1.Service{ObjectMeta: meta(app.Name), Spec: corev1.ServiceSpec{
		Selector: ready(app.Name), Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("http-app")}},
	}}
	if err := p.apply(ctx, schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, "deployments", deployment); err != nil {
		return err
	}
	return p.apply(ctx, schema.GroupVersionKind{Version: "v1", Kind: "Service"}, "services", service)
}

func ready(app string) map[string]string {
	return map[string]string{"core.spinkube.dev/app." + app + ".status": "ready"}
}

func deploymentOf(app kit.SpinApp, meta metav1.ObjectMeta, runtimeClass, configSecret string) *appsv1.Deployment {
	selector := ready(app.Name)
	selector["core.spinkube.dev/app-name"] = app.Name
	labels := map[string]string{}
	for _, from := range []map[string]string{app.Spec.PodLabels, selector} {
		for name, value := range from {
			labels[name] = value
		}
	}
	environment := append(app.Environment(), corev1.EnvVar{Name: "SPIN_HTTP_LISTEN_ADDR", Value: "0.0.0.0:80"})
	for _, probe := range []*corev1.Probe{app.Spec.Checks.Liveness, app.Spec.Checks.Readiness} {
		probe.HTTPGet.Port = intstr.FromInt32(80)
	}
	volumes := append([]corev1.Volume{{Name: "spin-runtime-config", VolumeSource: corev1.VolumeSource{
		Secret: &corev1.SecretVolumeSource{SecretName: configSecret}}}}, app.Spec.Volumes...)
	mounts := append([]corev1.VolumeMount{{Name: "spin-runtime-config", ReadOnly: true,
		MountPath: "/runtime-config.toml", SubPath: "runtime-config.toml"}}, app.Spec.VolumeMounts...)
	deployment := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: selector},
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: app.Spec.PodAnnotations},
			Spec: corev1.PodSpec{
				RuntimeClassName: &runtimeClass, ServiceAccountName: app.Spec.ServiceAccountName,
				ImagePullSecrets: app.Spec.ImagePullSecrets, Volumes: volumes,
				Containers: []corev1.Container{{
					Name: app.Name, Image: app.Spec.Image, Command: []string{"/"}, Env: environment, VolumeMounts: mounts,
					Ports:     []corev1.ContainerPort{{Name: "http-app", ContainerPort: 80, Protocol: corev1.ProtocolTCP}},
					Resources: app.Spec.Resources, LivenessProbe: app.Spec.Checks.Liveness, ReadinessProbe: app.Spec.Checks.Readiness,
				}},
			},
		},
	}}
	if !app.Spec.EnableAutoscaling {
		deployment.Spec.Replicas = &app.Spec.Replicas
	}
	return deployment
}

// apply applies by server-side apply, as the operator does.
func (p *Plane) apply(ctx context.Context, kind schema.GroupVersionKind, resource string, object metav1.Object) error {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	delete(fields, "status")
	applied := &unstructured.Unstructured{Object: fields}
	applied.SetGroupVersionKind(kind)
	_, err = p.Dynamic.Resource(kind.GroupVersion().WithResource(resource)).Namespace(object.GetNamespace()).
		Apply(ctx, object.GetName(), applied, metav1.ApplyOptions{FieldManager: "spin-operator", Force: true})
	return err
}

// runs waits until the application and its Redis run, as many pods as wanted, and returns the application's.
func (p *Plane) runs(namespace string, pods int) []corev1.Pod {
	p.Helper()
	var found []corev1.Pod
	kit.Eventually(p, "the bank runs in "+namespace, func() error {
		for selector, wanted := range map[string]int{"app.kubernetes.io/component=redis": 1, "core.spinkube.dev/app-name=bank": pods} {
			list, err := p.CoreV1().Pods(namespace).List(p.Context(), metav1.ListOptions{LabelSelector: selector})
			if err != nil {
				return err
			}
			found = nil
			for _, pod := range list.Items {
				if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
					found = append(found, pod)
				}
			}
			if len(found) != wanted {
				return fmt.Errorf("%d of %d pods with %s run:\n%s", len(found), wanted, selector, p.kubectl("-n", namespace, "get", "events,pods"))
			}
		}
		return nil
	})
	return p.pods(namespace, "core.spinkube.dev/app-name=bank")
}

func (p *Plane) pods(namespace, selector string) []corev1.Pod {
	p.Helper()
	list, err := p.CoreV1().Pods(namespace).List(p.Context(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		p.Fatal(err)
	}
	return list.Items
}
