package cluster

import (
	"context"
	"errors"
	"fmt"
	"hash/adler32"
	"os"

	. "moneybank/k8s/tests/kit/spinkube"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// The operator's name as a field manager, and its finalizer.
const (
	manager   = "spin-operator"
	finalizer = "core.spinkube.dev/finalizer"
)

// operator stands in for spin-operator. It does to a SpinApp and to a SpinAppExecutor what the operator does, in the same order, with
// the same library, from a cache that may lag in the same way. It runs until the test ends. made.yaml is what the real one made;
// ../README.md says how to run the real one in its place.
type operator struct {
	client.Client
	scheme              *runtime.Scheme
	events, ofExecutors record.EventRecorder
}

func (p *Plane) operate(ctx context.Context) {
	p.Helper()
	if source := os.Getenv("SPIN_OPERATOR"); source != "" {
		p.runRealOperator(source)
		return
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), AddToScheme(scheme)); err != nil {
		p.Fatal(err)
	}
	ctrl.SetLogger(logr.Discard())
	mgr, err := ctrl.NewManager(p.Config, ctrl.Options{Scheme: scheme, Metrics: server.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}})
	if err != nil {
		p.Fatal(err)
	}
	o := &operator{Client: mgr.GetClient(), scheme: scheme, events: mgr.GetEventRecorderFor("spinapp-reconciler"),
		ofExecutors: mgr.GetEventRecorderFor("spinappexecutor-reconciler")}
	err = errors.Join(
		ctrl.NewControllerManagedBy(mgr).For(&SpinApp{}).Owns(&appsv1.Deployment{}).Owns(&corev1.Service{}).Owns(&corev1.Secret{}).
			Complete(reconcile.Func(o.reconcileApp)),
		ctrl.NewControllerManagedBy(mgr).For(&SpinAppExecutor{}).Complete(reconcile.Func(o.reconcileExecutor)))
	if err != nil {
		p.Fatal(err)
	}
	p.webhooks(o)
	go func() { _ = mgr.Start(ctx) }()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		p.Fatal("the operator does not start")
	}
}

func (o *operator) reconcileApp(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var app SpinApp
	if err := o.Get(ctx, request.NamespacedName, &app); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var executor SpinAppExecutor
	if err := o.Get(ctx, client.ObjectKey{Namespace: app.Namespace, Name: app.Spec.Executor}, &executor); err != nil {
		o.events.Eventf(&app, corev1.EventTypeWarning, "MissingExecutor",
			"Could not find SpinAppExecutor %s/%s", app.Namespace, app.Spec.Executor)
		return ctrl.Result{}, err
	}
	if err := o.updateStatus(ctx, &app, &executor); err != nil || !app.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, err
	}
	if !executor.Spec.CreateDeployment {
		old := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: app.Name}}
		if err := o.Delete(ctx, old); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
	} else if err := o.reconcileDeployment(ctx, &app, executor.Spec.DeploymentConfig); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, o.apply(ctx, &app, serviceOf(&app))
}

func (o *operator) reconcileDeployment(ctx context.Context, app *SpinApp, config *ExecutorDeploymentConfig) error {
	secret, err := o.runtimeSecret(ctx, app)
	if err != nil {
		return err
	}
	certificates := config.CACertSecret
	if config.InstallDefaultCACerts {
		if certificates == "" {
			certificates = "spin-ca"
		}
		// The Secret has no owner: it stays when the last application of its namespace has gone.
		err := o.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: certificates,
				Annotations: map[string]string{"app.kubernetes.io/managed-by": "spin-operator.spinkube.dev"}},
			StringData: map[string]string{"ca-certificates.crt": "all that a browser trusts"},
		})
		if client.IgnoreAlreadyExists(err) != nil {
			return err
		}
	}
	deployment, err := deploymentOf(app, config, secret, certificates)
	if err != nil {
		return err
	}
	return o.apply(ctx, app, deployment)
}

// runtimeSecret makes the Secret with the runtime configuration. Its name depends on its content.
func (o *operator) runtimeSecret(ctx context.Context, app *SpinApp) (string, error) {
	content, err := app.RuntimeConfig(func(from *OptionSource) (string, error) { return o.read(ctx, app.Namespace, from) })
	if err != nil || content == nil {
		return "", err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: app.Namespace, Name: fmt.Sprintf("%s-%x", app.Name, adler32.Checksum(content)), Labels: appLabels(app)},
		Data:       map[string][]byte{"runtime-config.toml": content},
	}
	if err := controllerutil.SetOwnerReference(app, secret, o.scheme); err != nil {
		return "", err
	}
	return secret.Name, client.IgnoreAlreadyExists(o.Create(ctx, secret))
}

func (o *operator) read(ctx context.Context, namespace string, from *OptionSource) (string, error) {
	if key := from.ConfigMapKeyRef; key != nil {
		var config corev1.ConfigMap
		err := o.Get(ctx, client.ObjectKey{Namespace: namespace, Name: key.Name}, &config)
		return config.Data[key.Key], err
	}
	if key := from.SecretKeyRef; key != nil {
		var secret corev1.Secret
		err := o.Get(ctx, client.ObjectKey{Namespace: namespace, Name: key.Name}, &secret)
		return string(secret.Data[key.Key]), err
	}
	return "", nil
}

// apply does a server-side apply, and takes over every field that it sets.
func (o *operator) apply(ctx context.Context, app *SpinApp, object client.Object) error {
	if err := controllerutil.SetControllerReference(app, object, o.scheme); err != nil {
		return err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return err
	}
	delete(fields, "status")
	return o.Apply(ctx, client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: fields}), client.ForceOwnership, client.FieldOwner(manager))
}

// reconcileExecutor keeps an executor for as long as an application of its namespace uses it.
func (o *operator) reconcileExecutor(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var executor SpinAppExecutor
	if err := o.Get(ctx, request.NamespacedName, &executor); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if executor.DeletionTimestamp.IsZero() {
		if !controllerutil.AddFinalizer(&executor, finalizer) {
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, client.IgnoreNotFound(o.Update(ctx, &executor))
	}
	var apps SpinAppList
	if err := o.List(ctx, &apps, client.InNamespace(executor.Namespace)); err != nil {
		return ctrl.Result{}, err
	}
	for _, app := range apps.Items {
		if app.Spec.Executor == executor.Name {
			o.ofExecutors.Event(&executor, corev1.EventTypeWarning, "DeletionBlocked", "Cannot delete SpinAppExecutor with dependent SpinApps")
			return ctrl.Result{}, errors.New("cannot delete SpinAppExecutor with dependent SpinApps")
		}
	}
	if !controllerutil.RemoveFinalizer(&executor, finalizer) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(o.Update(ctx, &executor))
}
