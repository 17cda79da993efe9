package cluster

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	. "moneybank/k8s/tests/kit/spinkube"

	"gomodules.xyz/jsonpatch/v2"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// webhooks serves the operator's four webhooks at its paths.
func (p *Plane) webhooks(o *operator) {
	p.Helper()
	decoder, mux := admission.NewDecoder(o.scheme), http.NewServeMux()
	for kind, handle := range map[string]admission.HandlerFunc{
		"mutate spinapp":           o.defaultApp(decoder),
		"validate spinapp":         o.validateApp(decoder),
		"mutate spinappexecutor":   mutated(decoder, func(context.Context, *SpinAppExecutor) error { return nil }),
		"validate spinappexecutor": validateExecutor(decoder),
	} {
		hook, err := admission.StandaloneWebhook(&admission.Webhook{Handler: handle}, admission.StandaloneOptions{})
		if err != nil {
			p.Fatal(err)
		}
		what, kind, _ := strings.Cut(kind, " ")
		mux.Handle(webhookPath(what, kind), hook)
	}
	server := httptest.NewTLSServer(mux)
	p.Cleanup(server.Close)
	p.register(server.URL, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
}

func webhookPath(what, kind string) string {
	return "/" + what + "-core-spinkube-dev-v1alpha1-" + kind
}

// register makes the API server call them, as the operator's own chart does, with a longer timeout: a machine that is busy
// building must not look like an operator that is down.
func (p *Plane) register(server string, authority []byte) {
	p.Helper()
	patient := new(int32(30))
	meta := metav1.ObjectMeta{Name: manager}
	mutating := admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: meta}
	validating := admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: meta}
	for _, kind := range []string{"spinapp", "spinappexecutor"} {
		config := func(what string) admissionregistrationv1.WebhookClientConfig {
			return admissionregistrationv1.WebhookClientConfig{URL: new(server + webhookPath(what, kind)), CABundle: authority}
		}
		rules := []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{"CREATE", "UPDATE"},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{GroupVersion.Group}, APIVersions: []string{GroupVersion.Version}, Resources: []string{kind + "s"}},
		}}
		mutating.Webhooks = append(mutating.Webhooks, admissionregistrationv1.MutatingWebhook{Name: "m" + kind + ".kb.io", Rules: rules,
			AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: patient, SideEffects: new(admissionregistrationv1.SideEffectClassNone), ClientConfig: config("mutate")})
		validating.Webhooks = append(validating.Webhooks, admissionregistrationv1.ValidatingWebhook{Name: "v" + kind + ".kb.io", Rules: rules,
			AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: patient, SideEffects: new(admissionregistrationv1.SideEffectClassNone), ClientConfig: config("validate")})
	}
	if _, err := p.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(p.Context(), &mutating, metav1.CreateOptions{}); err != nil {
		p.Fatal(err)
	}
	if _, err := p.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(p.Context(), &validating, metav1.CreateOptions{}); err != nil {
		p.Fatal(err)
	}
}

// mutated answers with the object as Go writes it, even where nothing was changed: an empty list without `omitempty` becomes
// null. The library up to 0.22, with which the operator is built, does so too; a newer one answers nothing where nothing was changed.
// Fields that Go would leave out stay.
func mutated[T any, P interface {
	*T
	client.Object
}](decoder admission.Decoder, change func(context.Context, P) error) admission.HandlerFunc {
	return func(ctx context.Context, request admission.Request) admission.Response {
		object := P(new(T))
		if err := decoder.Decode(request, object); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		asRead, err := json.Marshal(object)
		if err != nil {
			return admission.Errored(http.StatusInternalServerError, err)
		}
		if err := change(ctx, object); err != nil {
			return admission.Denied(err.Error())
		}
		changed, err := json.Marshal(object)
		if err != nil {
			return admission.Errored(http.StatusInternalServerError, err)
		}
		leftOut, err := jsonpatch.CreatePatch(request.Object.Raw, asRead)
		if err != nil {
			return admission.Errored(http.StatusInternalServerError, err)
		}
		response := admission.PatchResponseFromRaw(request.Object.Raw, changed)
		response.Patches = slices.DeleteFunc(response.Patches, func(patch jsonpatch.Operation) bool {
			return patch.Operation == "remove" && slices.ContainsFunc(leftOut, func(other jsonpatch.Operation) bool {
				return other.Operation == patch.Operation && other.Path == patch.Path
			})
		})
		if len(response.Patches) == 0 {
			response.PatchType = nil
		}
		return response
	}
}

// defaultApp chooses the cluster's first executor where none is named.
func (o *operator) defaultApp(decoder admission.Decoder) admission.HandlerFunc {
	return mutated(decoder, func(ctx context.Context, app *SpinApp) error {
		var executors SpinAppExecutorList
		if app.Spec.Executor != "" {
			return nil
		}
		if err := o.List(ctx, &executors); err != nil {
			return err
		}
		for _, executor := range executors.Items {
			if app.Spec.Executor == "" || executor.Name < app.Spec.Executor {
				app.Spec.Executor = executor.Name
			}
		}
		return nil
	})
}

func (o *operator) validateApp(decoder admission.Decoder) admission.HandlerFunc {
	return func(ctx context.Context, request admission.Request) admission.Response {
		var app SpinApp
		if err := decoder.Decode(request, &app); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		spec, path := app.Spec, field.NewPath("spec")
		var wrong field.ErrorList
		var executor SpinAppExecutor
		switch err := o.Get(ctx, client.ObjectKey{Namespace: app.Namespace, Name: spec.Executor}, &executor); {
		case spec.Executor == "":
			wrong = append(wrong, field.Invalid(path.Child("executor"), "",
				"executor must be set, likely no default executor was set because you have no executors installed"))
		case err != nil:
			wrong = append(wrong, field.Invalid(path.Child("executor"), spec.Executor, "executor does not exist in namespace"))
		case !executor.Spec.CreateDeployment && len(spec.DeploymentAnnotations) != 0:
			wrong = append(wrong, field.Invalid(path.Child("deploymentAnnotations"), spec.DeploymentAnnotations,
				"deploymentAnnotations can't be set when the executor does not use operator deployments"))
		case !executor.Spec.CreateDeployment && len(spec.PodAnnotations) != 0:
			wrong = append(wrong, field.Invalid(path.Child("podAnnotations"), spec.PodAnnotations,
				"podAnnotations can't be set when the executor does not use operator deployments"))
		}
		switch {
		case spec.EnableAutoscaling && spec.Replicas != 0:
			wrong = append(wrong, field.Invalid(path.Child("replicas"), spec.Replicas, "replicas cannot be set when autoscaling is enabled"))
		case !spec.EnableAutoscaling && spec.Replicas < 1:
			wrong = append(wrong, field.Invalid(path.Child("replicas"), spec.Replicas, "replicas must be > 0"))
		}
		if err := memoryLimit(spec); err != nil {
			wrong = append(wrong, err)
		}
		return judged("SpinApp", app.Name, wrong)
	}
}

// memoryLimit refuses a limit for each call that is more than the pod's.
func memoryLimit(spec SpinAppSpec) *field.Error {
	limit, limited := spec.InvocationLimits["memory"]
	if !limited {
		return nil
	}
	path := field.NewPath("spec").Child("invocationLimits").Key("memory")
	quantity, err := resource.ParseQuantity(limit)
	if err != nil {
		return field.Invalid(path, limit, "memory limit must be a valid memory quantity (e.g. 128Mi, 1Gi)")
	}
	what, most := "limit", spec.Resources.Limits[corev1.ResourceMemory]
	if most.IsZero() {
		what, most = "request", spec.Resources.Requests[corev1.ResourceMemory]
	}
	if !most.IsZero() && quantity.Cmp(most) > 0 {
		return field.Invalid(path, quantity.String(), fmt.Sprintf("invocation limit quantity cannot be greater than the memory %s (%s)", what, most.String()))
	}
	return nil
}

func validateExecutor(decoder admission.Decoder) admission.HandlerFunc {
	return func(_ context.Context, request admission.Request) admission.Response {
		var executor SpinAppExecutor
		if err := decoder.Decode(request, &executor); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		var wrong field.ErrorList
		path := field.NewPath("spec").Child("deploymentConfig").Child("runtimeClassName")
		if config := executor.Spec.DeploymentConfig; config != nil {
			switch {
			case config.RuntimeClassName != nil && config.SpinImage != nil:
				wrong = append(wrong, field.Invalid(path, config.RuntimeClassName, "runtimeClassName and spinImage are mutually exclusive"))
			case config.RuntimeClassName == nil && config.SpinImage == nil:
				wrong = append(wrong, field.Invalid(path, config.RuntimeClassName, "either runtimeClassName or spinImage must be set"))
			}
		}
		return judged("SpinAppExecutor", executor.Name, wrong)
	}
}

func judged(kind, name string, wrong field.ErrorList) admission.Response {
	if len(wrong) == 0 {
		return admission.Allowed("")
	}
	invalid := apierrors.NewInvalid(GroupVersion.WithKind(kind).GroupKind(), name, wrong)
	response := admission.Denied("")
	response.Result = &invalid.ErrStatus
	return response
}
