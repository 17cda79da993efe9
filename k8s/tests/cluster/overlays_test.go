package cluster

import (
	"fmt"
	"slices"

	"moneybank/k8s/tests/kit"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Namespaces of the manifests, and how many pods the application has there.
var overlays = []struct {
	environment, namespace string
	pods                   int
}{
	{"dev", "money-bank-dev", 1},
	{"staging", "money-bank-staging", 2},
	{"prod", "money-bank", 3},
}

// Applied as k8s/manifests/README.md says.
func everyOverlayRuns(p *Plane) {
	for _, overlay := range overlays {
		p.kubectl("apply", "--server-side", "--validate=strict", "-k", kit.At("k8s/manifests", overlay.environment))
		p.kubectl("-n", overlay.namespace, "create", "secret", "generic", "bank-redis",
			"--from-literal=password=made-up", "--from-literal=url=redis://:made-up@bank-redis:6379")
	}
	for _, overlay := range overlays {
		p.runs(overlay.namespace, overlay.pods)
		namespace, err := p.CoreV1().Namespaces().Get(p.Context(), overlay.namespace, metav1.GetOptions{})
		if err != nil || namespace.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
			p.Errorf("%s: %v %v", overlay.namespace, err, namespace.Labels)
		}
	}
}

func autoscalerBringsTheMinimum(p *Plane) {
	deployment, err := p.AppsV1().Deployments("money-bank").Get(p.Context(), "bank", metav1.GetOptions{})
	if err != nil {
		p.Fatal(err)
	}
	if *deployment.Spec.Replicas != 3 {
		p.Errorf("%d replicas", *deployment.Spec.Replicas)
	}
	// The pod policy sets three, or the autoscaler does where the policy does not take effect yet. Nobody measures CPU here.
	kit.Eventually(p, "the autoscaler finds them", func() error {
		scaler, err := p.AutoscalingV2().HorizontalPodAutoscalers("money-bank").Get(p.Context(), "bank", metav1.GetOptions{})
		if err != nil {
			return err
		}
		able := slices.ContainsFunc(scaler.Status.Conditions, func(condition autoscalingv2.HorizontalPodAutoscalerCondition) bool {
			return condition.Type == autoscalingv2.AbleToScale && condition.Status == corev1.ConditionTrue
		})
		if !able || scaler.Status.CurrentReplicas != 3 {
			return fmt.Errorf("%+v", scaler.Status)
		}
		return nil
	})
}

func budgetsGuardThePods(p *Plane) {
	kit.Eventually(p, "the budget of the application", func() error {
		budget, err := p.PolicyV1().PodDisruptionBudgets("money-bank").Get(p.Context(), "bank", metav1.GetOptions{})
		if err == nil && (budget.Status.ExpectedPods != 3 || budget.Status.DisruptionsAllowed != 1) {
			err = fmt.Errorf("%+v", budget.Status)
		}
		return err
	})
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "bank-redis-0", Namespace: "money-bank"}}
	if err := p.PolicyV1().Evictions("money-bank").Evict(p.Context(), eviction); !errors.IsTooManyRequests(err) {
		p.Errorf("evicting Redis: %v", err)
	}
	eviction.Name = p.pods("money-bank", "core.spinkube.dev/app-name=bank")[0].Name
	if err := p.PolicyV1().Evictions("money-bank").Evict(p.Context(), eviction); err != nil {
		p.Errorf("evicting one of the application: %v", err)
	}
	p.runs("money-bank", 3)
}

func redisHasItsClaim(p *Plane) {
	claim, err := p.CoreV1().PersistentVolumeClaims("money-bank").Get(p.Context(), "data-bank-redis-0", metav1.GetOptions{})
	if err != nil {
		p.Fatal(err)
	}
	if size := claim.Status.Capacity.Storage(); claim.Status.Phase != corev1.ClaimBound || size.String() != "50Gi" {
		p.Errorf("%s, %s", claim.Status.Phase, size)
	}
}
