package cluster

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"

	"moneybank/k8s/tests/kit"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// webhook plays the operator's: a SpinApp whose executor is not in its namespace is refused.
func (p *Plane) webhook() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(request.Body).Decode(&review); err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		app, err := kit.AsSpinApp(review.Request.Object.Raw)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		_, err = p.Dynamic.Resource(executors).Namespace(review.Request.Namespace).Get(request.Context(), app.Spec.Executor, metav1.GetOptions{})
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: err == nil}
		if err != nil {
			review.Response.Result = &metav1.Status{Message: "executor does not exist in namespace"}
		}
		_ = json.NewEncoder(answer).Encode(review)
	}))
	p.Cleanup(server.Close)
	_, err := p.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(p.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "spin-operator"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:                    "vspinapp.kb.io",
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{"CREATE", "UPDATE"},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"core.spinkube.dev"}, APIVersions: []string{"v1alpha1"}, Resources: []string{"spinapps"}},
			}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		p.Fatal(err)
	}
}
