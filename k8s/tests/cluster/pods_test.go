package cluster

import (
	"fmt"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func podsGetWhatASpinAppCanNotSay(p *Plane) {
	notes := p.install(p.namespace(released), p.older(), "--set-json", `podPolicy.affinity={"podAntiAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":`+
		`[{"weight":50,"podAffinityTerm":{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"noisy":"yes"}}}}]}}`)
	// The notes always say whom auth.mode=header believes.
	for line := range strings.Lines(notes) {
		if strings.HasPrefix(line, "! ") && !strings.HasPrefix(line, "! auth.mode is header") && !strings.HasPrefix(line, "! Use that only locally") {
			p.Errorf("the notes miss something: %s", line)
		}
	}
	pod := p.runs(released, 1)[0].Spec
	container := pod.Containers[0]
	// The operator adds the others: the runtime configuration, and certificates.
	writable := slices.DeleteFunc(slices.Clone(container.VolumeMounts), func(mount corev1.VolumeMount) bool { return mount.ReadOnly })
	for what, holds := range map[string]bool{
		"runs as a user":                 *pod.SecurityContext.RunAsNonRoot && *pod.SecurityContext.RunAsUser == 65532,
		"may listen on port 80":          pod.SecurityContext.Sysctls[0].Name == "net.ipv4.ip_unprivileged_port_start",
		"has seccomp":                    pod.SecurityContext.SeccompProfile.Type == "RuntimeDefault",
		"gains nothing":                  !*container.SecurityContext.AllowPrivilegeEscalation,
		"has no capabilities":            container.SecurityContext.Capabilities.Drop[0] == "ALL",
		"writes only to /.cache":         *container.SecurityContext.ReadOnlyRootFilesystem && len(writable) == 1 && writable[0].MountPath == "/.cache",
		"is spread over zones and nodes": len(pod.TopologySpreadConstraints) == 2 && pod.TopologySpreadConstraints[0].TopologyKey == "topology.kubernetes.io/zone",
		"has the affinity asked for":     pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].Weight == 50,
		"drains before it ends":          container.Lifecycle.PreStop.Sleep.Seconds == 15 && *pod.TerminationGracePeriodSeconds > 15,
		"is its own ServiceAccount":      pod.ServiceAccountName == "bank",
	} {
		if !holds {
			p.Errorf("not so: the pod %s", what)
		}
	}
	for _, volume := range pod.Volumes {
		if volume.Projected != nil {
			p.Errorf("the pod holds a token for the API: %s", volume.Name)
		}
	}
}

func withoutThePolicyPodsAreRefused(p *Plane) {
	namespace := p.namespace("no-policy")
	p.install(namespace, kit.Chart, "--set", "podPolicy.enabled=false")
	p.refused(namespace, `violates PodSecurity "restricted:latest"`)
}

func withoutItsRuntimeClassNoPodIsAccepted(p *Plane) {
	namespace := p.namespace("no-class")
	p.install(namespace, kit.Chart, "--set", "executor.runtimeClassName=none-such")
	p.refused(namespace, `RuntimeClass "none-such" not found`)
	// With another revision; otherwise the ReplicaSet would wait out its back-off.
	p.install(namespace, kit.Chart, "--set", "executor.runtimeClassName=none-such,runtimeClass.create=true,secretRevision=two")
	p.runs(namespace, 1)
	p.helm("uninstall", "bank", "--namespace", namespace)
}

// refused waits until the API server has refused the application's pods for that reason.
func (p *Plane) refused(namespace, reason string) {
	p.Helper()
	kit.Eventually(p, "pods are refused in "+namespace, func() error {
		deployment, err := p.AppsV1().Deployments(namespace).Get(p.Context(), "bank", metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, condition := range deployment.Status.Conditions {
			if condition.Type == "ReplicaFailure" && strings.Contains(condition.Message, reason) {
				return nil
			}
		}
		return fmt.Errorf("%+v", deployment.Status)
	})
}

func everyOptionIsAccepted(p *Plane) {
	namespace := p.namespace("everything")
	p.install(namespace, kit.Chart, "--values", kit.At("k8s/tests/chart/everything.yaml"),
		// No kubelet keeps logs here, and no namespace is there for a Collector.
		"--set", "monitoring.collector.enabled=false",
		"--set", "namespace.create=false,podPolicy.affinity=null,executor.runtimeClassName=of-everything,runtimeClass.nodeSelector=null")
	kit.Eventually(p, "the application runs", func() error {
		if pods := p.pods(namespace, "core.spinkube.dev/app-name=bank,app.kubernetes.io/component=app"); len(pods) != 3 {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
	p.install(p.namespace("vault"), kit.Chart, "--set",
		"redis.password.source=externalSecret,externalSecret.storeName=vault,externalSecret.remoteKey=bank/redis")
}
