package cluster

import (
	"fmt"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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
