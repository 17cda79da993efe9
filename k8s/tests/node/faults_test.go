//go:build node

package node

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"moneybank/k8s/tests/kit"
)

func aRolloutFailsNoRequest(n *Node) {
	clients := n.clients()
	n.kubectl("-n", namespace, "rollout", "restart", "deployment/bank")
	n.comesUp()
	clients.end()
	clients.noneFailed()
}

func threeRolloutsFailNoRequest(n *Node) {
	for range 3 {
		aRolloutFailsNoRequest(n)
	}
}

func scalingDownFailsNoRequest(n *Node) {
	scaled := func(replicas int) {
		n.Helper()
		n.helm(append([]string{"upgrade", "bank", kit.Chart, "--set", fmt.Sprintf("autoscaling.enabled=false,replicas=%d", replicas)}, n.production()...)...)
		n.rollout("deployment/bank")
		n.waitForPods(replicas)
	}
	scaled(4)
	clients := n.clients()
	time.Sleep(2 * time.Second)
	scaled(2)
	clients.end()
	clients.noneFailed()
	scaled(3)
}

func aPodThatIsDeletedFailsNoRequest(n *Node) {
	clients := n.clients()
	time.Sleep(2 * time.Second)
	n.kubectl("-n", namespace, "delete", "pod", n.pods(app)[0].Name)
	n.comesUp()
	clients.end()
	clients.noneFailed()
}

func aContainerdThatIsStartedAgainFailsNoRequest(n *Node) {
	clients := n.clients()
	time.Sleep(2 * time.Second)
	n.containerd.Stop()
	n.startContainerd()
	time.Sleep(5 * time.Second)
	clients.end()
	clients.noneFailed()
}

func aRedisWhosePodIsDeletedLosesNothing(n *Node) {
	clients := n.clients()
	time.Sleep(2 * time.Second)
	deleted, uid := time.Now(), n.pods(redis)[0].UID
	n.kubectl("-n", namespace, "delete", "pod", "bank-redis-0", "--grace-period=0", "--force")
	kit.Eventually(n, "another Redis is ready", func() error {
		for _, pod := range n.pods(redis) {
			if pod.UID != uid && isReady(pod) {
				return nil
			}
		}
		return fmt.Errorf("it is not yet")
	})
	clients.end()
	clients.recovered(deleted, "the pod of Redis was deleted")
}

func aBankThatIsKilledLosesNothing(n *Node) {
	clients := n.clients()
	time.Sleep(2 * time.Second)
	pod := n.pods(app)[0]
	killed := n.kill("bank", string(pod.UID))
	n.waitForRestart(app, pod.Name)
	clients.end()
	clients.recovered(killed, "a bank was killed")
}

func aRedisThatIsKilledLosesNothing(n *Node) {
	clients := n.clients()
	time.Sleep(2 * time.Second)
	killed := n.kill("redis-server", string(n.pods(redis)[0].UID))
	n.waitForRestart(redis, "bank-redis-0")
	clients.end()
	clients.recovered(killed, "Redis was killed")
}

// kill ends a pod's program at once.
func (n *Node) kill(program, uid string) time.Time {
	n.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		n.Fatal(err)
	}
	for _, process := range processes {
		// Processes may end meanwhile.
		name, _ := os.ReadFile(process + "/comm")
		cgroup, _ := os.ReadFile(process + "/cgroup")
		if strings.TrimSpace(string(name)) != program || !strings.Contains(string(cgroup), "pod"+uid) {
			continue
		}
		id, err := strconv.Atoi(filepath.Base(process))
		if err == nil {
			err = syscall.Kill(id, syscall.SIGKILL)
		}
		if err != nil {
			n.Fatal(err)
		}
		return time.Now()
	}
	n.Fatalf("no %s runs in the pod %s", program, uid)
	return time.Time{}
}

// waitForRestart waits until the pod's container has been restarted and is ready.
func (n *Node) waitForRestart(selector, name string) {
	n.Helper()
	kit.Eventually(n, name+" is started again", func() error {
		for _, pod := range n.pods(selector) {
			if pod.Name == name && isReady(pod) && pod.Status.ContainerStatuses[0].RestartCount > 0 {
				return nil
			}
		}
		return fmt.Errorf("it is not yet")
	})
}

func (c *clients) noneFailed() {
	c.Helper()
	asked, dialled, failures, slowest := 0, 0, c.failures(), time.Duration(0)
	for _, each := range c.each {
		asked += each.paid
		dialled += each.dialled
		slowest = max(slowest, each.slowest)
	}
	c.Logf("%d deposits over %d connections, %d in all: %d failed, the slowest took %d ms", asked, connections, dialled, len(failures), slowest.Milliseconds())
	if len(failures) > 0 {
		c.Errorf("%d of %d failed, the first: %s", len(failures), asked+len(failures), failures[0].why)
	}
}

func (c *clients) failures() []failure {
	var failures []failure
	for _, each := range c.each {
		failures = append(failures, each.failures...)
	}
	slices.SortFunc(failures, func(a, b failure) int { return a.at.Compare(b.at) })
	return failures
}

// recovered logs how long after a fault the first client was answered again, and how long until all were.
func (c *clients) recovered(fault time.Time, what string) {
	c.Helper()
	var firsts []time.Duration
	asked := 0
	for _, each := range c.each {
		asked += each.paid
		// A request that was sent before the fault may be answered after it.
		last := fault
		for _, failure := range each.failures {
			if failure.at.After(last) {
				last = failure.at
			}
		}
		index := slices.IndexFunc(each.answered, func(at time.Time) bool { return at.After(last) })
		if index < 0 {
			c.Errorf("%s was never answered again", each.user)
			continue
		}
		firsts = append(firsts, each.answered[index].Sub(fault))
	}
	slices.Sort(firsts)
	c.Logf("%s: %d deposits, each there once; %d tries failed; after %.2f s the first client was answered, after %.2f s the last",
		what, asked, len(c.failures()), firsts[0].Seconds(), firsts[len(firsts)-1].Seconds())
}
