package cluster

import (
	"fmt"
	"slices"
	"strings"

	"moneybank/k8s/tests/kit"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// The namespace of the release that several tests share, from its installation to its end.
const released = "released"

// older is a copy of the chart with an older version.
func (p *Plane) older() string {
	folder := p.TempDir()
	kit.Run(p, "cp", "-r", kit.Chart, folder)
	chart := folder + "/chart/Chart.yaml"
	kit.Write(p, chart, strings.Replace(kit.Read(p, chart), "\nversion: ", "\nversion: 0.0.1-before-", 1))
	return folder + "/chart"
}

func serviceAccountCanDoNothing(p *Plane) {
	config := rest.CopyConfig(p.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:money-bank:bank",
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:money-bank", "system:authenticated"}}
	review, err := kubernetes.NewForConfigOrDie(config).AuthorizationV1().SelfSubjectRulesReviews().Create(p.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "money-bank"}}, metav1.CreateOptions{})
	if err != nil {
		p.Fatal(err)
	}
	// What everybody may do: ask what they are and what they may do, and read the trusted certificates.
	about := []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews", "clustertrustbundles"}
	for _, rule := range review.Status.ResourceRules {
		for _, resource := range rule.Resources {
			if !slices.Contains(about, resource) {
				p.Errorf("it may %v %v", rule.Verbs, rule.Resources)
			}
		}
	}
}

func helmTestIsAdmitted(p *Plane) {
	// kwok completes its pod without running it; the tests in ../local run the script itself.
	output := p.helm("test", "bank", "--namespace", released, "--logs")
	if err := kit.Missing(output, "Phase:          Succeeded", logged); err != nil {
		p.Error(err)
	}
}

func upgradeKeepsThePasswordAndTheClaim(p *Plane) {
	before := p.kept(released)
	if len(before.password) != 40 {
		p.Errorf("the password is %q", before.password)
	}
	app := p.runs(released, 1)[0].UID
	p.install(released, kit.Chart, "--set", "settings.store=kv,settings.logLevel=debug")
	kit.Eventually(p, "the application is replaced", func() error {
		if pods := p.pods(released, "core.spinkube.dev/app-name=bank"); len(pods) != 1 || pods[0].UID == app {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
	if after := p.kept(released); after != before {
		p.Errorf("it was %+v, it is %+v", before, after)
	}
}

type kept struct{ password, claim, redisPod string }

func (p *Plane) kept(namespace string) kept {
	p.Helper()
	get := func(arguments ...string) string {
		return p.kubectl(append([]string{"-n", namespace, "get"}, arguments...)...)
	}
	return kept{
		password: get("secret", "bank-redis", "-o", `go-template={{.data.password | base64decode}}`),
		claim:    get("pvc", "data-bank-redis-0", "-o", "jsonpath={.metadata.uid}"),
		redisPod: get("pod", "bank-redis-0", "-o", "jsonpath={.metadata.uid}"),
	}
}

func uninstallingLeavesTheClaimAndThePassword(p *Plane) {
	before := p.kept(released)
	p.helm("uninstall", "bank", "--namespace", released)
	kit.Eventually(p, "all is gone", func() error {
		// The last test's pod stays, as Helm's own do, so that its log can be read. The certificates are the operator's.
		left := slices.DeleteFunc(p.left(released), func(name string) bool { return name == "pod/bank-test" || name == "secret/spin-ca" })
		if !slices.Equal(left, []string{"persistentvolumeclaim/data-bank-redis-0", "secret/bank-redis", "serviceaccount/default"}) {
			return fmt.Errorf("left: %v", left)
		}
		if output := p.kubectl("get", "mutatingadmissionpolicies,mutatingadmissionpolicybindings", "-o", "name"); strings.Contains(output, released) {
			return fmt.Errorf("left: %s", output)
		}
		return nil
	})
	p.install(released, kit.Chart)
	kit.Eventually(p, "Redis is back", func() error {
		if pods := p.pods(released, "app.kubernetes.io/component=redis"); len(pods) != 1 {
			return fmt.Errorf("%d pods", len(pods))
		}
		return nil
	})
	after := p.kept(released)
	if after.claim != before.claim || after.password != before.password {
		p.Errorf("installed again: it was %+v, it is %+v", before, after)
	}
}

// left lists everything in a namespace but its events.
func (p *Plane) left(namespace string) []string {
	kinds := strings.Fields(p.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name"))
	// Events stay for an hour. endpoints is the old name of endpointslices, and listing them warns.
	kinds = slices.DeleteFunc(kinds, func(kind string) bool { return strings.HasPrefix(kind, "events") || kind == "endpoints" })
	left := strings.Fields(p.kubectl("-n", namespace, "get", strings.Join(kinds, ","), "-o", "name", "--ignore-not-found"))
	left = slices.DeleteFunc(left, func(name string) bool { return name == "configmap/kube-root-ca.crt" })
	slices.Sort(left)
	return left
}
