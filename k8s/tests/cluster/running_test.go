package cluster

import (
	"fmt"
	"strings"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// runs waits until the application has this many running pods, and its Redis runs, and returns the application's pods.
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

// As docs/backup.md says. A SpinApp can not be scaled to zero, so a restore deletes it, and the release makes it again.
func thePagesLinesInstallIt(p *Plane) {
	install, _, _ := strings.Cut(kit.Block(p, "docs/start.md", "a cluster with SpinKube"), "\n")
	if !strings.HasPrefix(install, "helm install ") {
		p.Fatalf("docs/start.md does not begin with helm install, but with %q", install)
	}
	const namespace = "as-start-says"
	words := strings.Fields(strings.NewReplacer("k8s/chart", kit.Chart, "money-bank", namespace).Replace(install))
	p.helm(words[1:]...)
	const replicas = 1
	p.runs(namespace, replicas)
	p.kubectl("-n", namespace, "delete", "spinapp", "bank")
	p.kubectl("-n", namespace, "wait", "--for=delete", "pod", "-l", "core.spinkube.dev/app-name=bank", "--timeout=60s")
	p.helm("upgrade", "bank", kit.Chart, "--namespace", namespace)
	p.runs(namespace, replicas)
	p.helm("uninstall", "bank", "--namespace", namespace)
}
