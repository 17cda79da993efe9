// Package crds finds the definitions of the custom kinds that the chart and ../../../gitops use. Most are in the Go modules of their projects.
// SpinKube's are generated from ../spinkube, Flux's HelmRelease from its types (../../build), and Linkerd's are here.
package crds

import (
	"path/filepath"
	"testing"

	"moneybank/k8s/tests/kit"
)

// The files taken from each module, in the newest version that Go 1.26 can build.
var modules = []struct {
	module, folder string
	files          []string
}{
	{"sigs.k8s.io/gateway-api@v1.6.3", "config/crd/standard", []string{"gateway.networking.k8s.io_gateways", "gateway.networking.k8s.io_httproutes", "gateway.networking.k8s.io_backendtlspolicies"}},
	{"github.com/cert-manager/cert-manager@v1.21.2", "deploy/crds", []string{"cert-manager.io_certificates", "cert-manager.io_clusterissuers"}},
	{"github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd", []string{"monitoring.coreos.com_probes", "monitoring.coreos.com_prometheusrules", "monitoring.coreos.com_podmonitors"}},
	{"github.com/traefik/traefik/v3@v3.5.3", "docs/content/reference/dynamic-configuration", []string{"traefik.io_middlewares"}},
	{"github.com/envoyproxy/gateway@v1.9.1", "charts/gateway-helm/charts/crds/crds/generated", []string{"gateway.envoyproxy.io_clienttrafficpolicies"}},
	{"istio.io/api@v1.27.3", "kubernetes", []string{"customresourcedefinitions.gen"}},
	{"github.com/fluxcd/flagger@v1.41.0", "artifacts/flagger", []string{"crd"}},
	{"github.com/argoproj/argo-cd/v3@v3.5.7", "manifests/crds", []string{"application-crd"}},
	{"github.com/fluxcd/source-controller@v1.9.6", "config/crd/bases", []string{"source.toolkit.fluxcd.io_helmrepositories", "source.toolkit.fluxcd.io_helmcharts"}},
	{"github.com/external-secrets/external-secrets@v1.3.2", "config/crds/bases", []string{"external-secrets.io_externalsecrets", "external-secrets.io_secretstores"}},
}

// Files lists the files that define them.
func Files(t testing.TB) []string {
	t.Helper()
	files := []string{kit.At("k8s/tests/kit/crds/linkerd.yaml")}
	for _, made := range []string{"core.spinkube.dev_spinapps", "core.spinkube.dev_spinappexecutors", "helm.toolkit.fluxcd.io_helmreleases"} {
		files = append(files, kit.At("build/crds/"+made+".yaml"))
	}
	for _, from := range modules {
		folder := kit.Module(t, from.module)
		for _, file := range from.files {
			files = append(files, filepath.Join(folder, from.folder, file+".yaml"))
		}
	}
	return files
}
