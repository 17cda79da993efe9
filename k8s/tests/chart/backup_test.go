package chart

import (
	"slices"
	"strings"
	"testing"

	"moneybank/k8s/tests/kit"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Exports and drills: CronJobs of `bank`. They are off by default.

const withBackup = "backup.enabled=true"

func cronJob(t *testing.T, name string, arguments ...string) batchv1.CronJobSpec {
	t.Helper()
	return kit.Into[batchv1.CronJob](t, kit.Find(t, kit.Rendered(t, arguments...), "CronJob", name)).Spec
}

func TestNothingIsExportedUnlessItIsAskedFor(t *testing.T) {
	if output := kit.Template(t); strings.Contains(output, "CronJob") {
		t.Error("there is a CronJob")
	}
}

func TestAnExportReadsTheBanksOwnRedisAndKeepsTheNewest(t *testing.T) {
	for _, runtime := range []string{"bank", "spinkube"} {
		job := cronJob(t, "bank-backup", "--set", withBackup+",backup.keep=7,image.tag=1.2.3,runtime="+runtime)
		container := job.JobTemplate.Spec.Template.Spec.Containers[0]
		if want := []string{"export", "--to=/backups/", "--keep=7"}; !slices.Equal(container.Args, want) {
			t.Errorf("%s: %v", runtime, container.Args)
		}
		if want := "ghcr.io/money-bank/money-bank-bank:1.2.3"; container.Image != want {
			t.Errorf("%s: the image is %s", runtime, container.Image)
		}
		var url *corev1.EnvVarSource
		for _, variable := range container.Env {
			if variable.Name == "SPIN_VARIABLE_REDIS_URL" {
				url = variable.ValueFrom
			}
		}
		if url == nil || url.SecretKeyRef == nil {
			t.Errorf("%s: it is told no address of Redis", runtime)
		}
	}
}

func TestAnExportOfSQLiteRunsWhereItsFileIs(t *testing.T) {
	pod := cronJob(t, "bank-backup", "--set", onSQLite+","+withBackup).JobTemplate.Spec.Template.Spec
	if !slices.Contains(pod.Containers[0].Args, "--state-dir=/data") {
		t.Errorf("it reads %v", pod.Containers[0].Args)
	}
	if pod.Affinity == nil || pod.Affinity.PodAffinity == nil {
		t.Error("it may be placed on a node that has not the claim")
	}
}

func TestADrillRestoresTheNewestExportWhereNothingElseIs(t *testing.T) {
	pod := cronJob(t, "bank-drill", "--set", withBackup+",backup.drill.atLeast=7").JobTemplate.Spec.Template.Spec
	if want := []string{"import", "/backups/", "--at-least=7", "--state-dir=/scratch/store"}; !slices.Equal(pod.InitContainers[0].Args, want) {
		t.Errorf("it begins with %v", pod.InitContainers[0].Args)
	}
	if want := []string{"verify", "--all", "--at-least=7", "--state-dir=/scratch/store"}; !slices.Equal(pod.Containers[0].Args, want) {
		t.Errorf("it ends with %v", pod.Containers[0].Args)
	}
	for _, container := range append(pod.InitContainers, pod.Containers...) {
		for _, variable := range container.Env {
			if strings.HasPrefix(variable.Name, "SPIN_") {
				t.Errorf("%s is told %s: it must know no store but its own", container.Name, variable.Name)
			}
		}
		for _, mount := range container.VolumeMounts {
			if mount.Name == "backups" && !mount.ReadOnly {
				t.Errorf("%s may change exports", container.Name)
			}
		}
	}
	none := kit.Template(t, "--set", withBackup+",backup.drill.enabled=false")
	if strings.Contains(none, "bank-drill") {
		t.Error("it cannot be switched off")
	}
}

func TestBackupPodsHaveNoPrivileges(t *testing.T) {
	for _, name := range []string{"bank-backup", "bank-drill"} {
		pod := cronJob(t, name, "--set", withBackup).JobTemplate.Spec.Template.Spec
		if pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot || *pod.AutomountServiceAccountToken {
			t.Errorf("%s may be root, or has a token", name)
		}
		for _, container := range append(pod.InitContainers, pod.Containers...) {
			security := container.SecurityContext
			if !*security.ReadOnlyRootFilesystem || *security.AllowPrivilegeEscalation || security.Capabilities.Drop[0] != "ALL" {
				t.Errorf("%s: %+v", container.Name, security)
			}
		}
	}
}

func TestWhatIsBrokenIsNotTriedAgainAndWhatChangedIs(t *testing.T) {
	rule := cronJob(t, "bank-backup", "--set", withBackup).JobTemplate.Spec.PodFailurePolicy.Rules[0]
	if codes := rule.OnExitCodes.Values; slices.Contains(codes, 4) || !slices.Contains(codes, 3) {
		t.Errorf("given up at %v", codes)
	}
}

func TestExportsReachRedisAndDrillsReachNobody(t *testing.T) {
	objects := kit.Rendered(t, "--set", withBackup)
	policy := func(name string) networkingv1.NetworkPolicySpec {
		return kit.Into[networkingv1.NetworkPolicy](t, kit.Find(t, objects, "NetworkPolicy", name)).Spec
	}
	if closed := policy("bank-deny").PodSelector.MatchExpressions[0].Values; !slices.Contains(closed, "backup") || !slices.Contains(closed, "drill") {
		t.Errorf("closed are %v", closed)
	}
	out := policy("bank-backup").Egress
	if last := out[len(out)-1]; last.To[0].PodSelector.MatchLabels["app.kubernetes.io/component"] != "redis" || len(out) != 2 {
		t.Errorf("exports may reach %+v", out)
	}
	var callers []string
	for _, peer := range policy("bank-redis").Ingress[0].From {
		callers = append(callers, peer.PodSelector.MatchLabels["app.kubernetes.io/component"])
	}
	if !slices.Contains(callers, "backup") || slices.Contains(callers, "drill") {
		t.Errorf("Redis may be called by %v", callers)
	}
}

const inBucket = withBackup + ",backup.s3.bucket=money,backup.s3.existingSecret=s3,backup.s3.endpoint=http://s3.storage:9000"

func TestExportsGoToABucketAndDrillsTakeTheNewestOfIt(t *testing.T) {
	objects := kit.Rendered(t, "--set", inBucket)
	for _, object := range objects {
		if object.GetKind() == "PersistentVolumeClaim" && object.GetName() == "bank-backup" {
			t.Error("there is a claim too")
		}
	}
	const place = "s3://money/money-bank/bank/"
	export := cronJob(t, "bank-backup", "--set", inBucket).JobTemplate.Spec.Template.Spec
	drill := cronJob(t, "bank-drill", "--set", inBucket).JobTemplate.Spec.Template.Spec
	if want := []string{"export", "--to=" + place, "--keep=48"}; !slices.Equal(export.Containers[0].Args, want) {
		t.Errorf("it is told %v", export.Containers[0].Args)
	}
	if got := drill.InitContainers[0].Args[1]; got != place {
		t.Errorf("a drill restores %s", got)
	}
	for _, container := range []corev1.Container{export.Containers[0], drill.InitContainers[0]} {
		values := s3Variables(container)
		for name, want := range map[string]string{
			"AWS_ACCESS_KEY_ID": "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
			"AWS_ENDPOINT_URL_S3": "http://s3.storage:9000", "AWS_REGION": "us-east-1",
		} {
			if values[name] != want {
				t.Errorf("%s: %s is %q", container.Name, name, values[name])
			}
		}
	}
	for _, variable := range drill.Containers[0].Env {
		if strings.HasPrefix(variable.Name, "AWS_") {
			t.Errorf("what verifies is told %s", variable.Name)
		}
	}
	for _, pod := range []corev1.PodSpec{export, drill} {
		for _, volume := range pod.Volumes {
			if volume.PersistentVolumeClaim != nil {
				t.Errorf("%s is mounted", volume.Name)
			}
		}
	}
}

// s3Variables maps each variable of a container to its value, or to a key of the Secret s3.
func s3Variables(container corev1.Container) map[string]string {
	values := map[string]string{}
	for _, variable := range container.Env {
		values[variable.Name] = variable.Value
		if variable.ValueFrom != nil && variable.ValueFrom.SecretKeyRef.Name == "s3" {
			values[variable.Name] = variable.ValueFrom.SecretKeyRef.Key
		}
	}
	return values
}

func TestNoTwoReleasesShareAFolderOfABucket(t *testing.T) {
	places := map[string]bool{}
	for _, arguments := range [][]string{{}, {"--namespace", "other"}, {"--set", "nameOverride=till"}, {"--set", "backup.s3.prefix=mine"}} {
		name := "bank-backup"
		if slices.Contains(arguments, "nameOverride=till") {
			name = "till-backup"
		}
		places[cronJob(t, name, append(arguments, "--set", inBucket)...).JobTemplate.Spec.Template.Spec.Containers[0].Args[1]] = true
	}
	if len(places) != 4 || !places["--to=s3://money/mine/"] {
		t.Errorf("four releases export to %v", places)
	}
}

func TestWhatUsesABucketReachesItsPort(t *testing.T) {
	for _, row := range []struct {
		set  string
		port int
	}{{inBucket, 9000}, {inBucket + ",backup.s3.endpoint=", 443}, {onSQLite + "," + inBucket, 9000}} {
		objects := kit.Rendered(t, "--set", row.set)
		for _, name := range []string{"bank-backup", "bank-drill"} {
			var ports []int
			for _, rule := range kit.Into[networkingv1.NetworkPolicy](t, kit.Find(t, objects, "NetworkPolicy", name)).Spec.Egress {
				if len(rule.To) == 0 && len(rule.Ports) == 1 {
					ports = append(ports, rule.Ports[0].Port.IntValue())
				}
			}
			if !slices.Contains(ports, row.port) {
				t.Errorf("%s: %s may reach %v", row.set, name, ports)
			}
		}
	}
}

func TestExportsAndDrillsTrustTheAuthorityOfTheirBucket(t *testing.T) {
	for _, name := range []string{"bank-backup", "bank-drill"} {
		pod := cronJob(t, name, "--set", inBucket+",backup.s3.caSecret=authority").JobTemplate.Spec.Template.Spec
		container := append(slices.Clone(pod.InitContainers), pod.Containers...)[0]
		isMounted := func(mount corev1.VolumeMount) bool { return mount.Name == "certificates" }
		isNamed := func(variable corev1.EnvVar) bool { return variable.Name == "SSL_CERT_FILE" }
		isThere := func(volume corev1.Volume) bool {
			return volume.Secret != nil && volume.Secret.SecretName == "authority"
		}
		if !slices.ContainsFunc(container.VolumeMounts, isMounted) || !slices.ContainsFunc(container.Env, isNamed) || !slices.ContainsFunc(pod.Volumes, isThere) {
			t.Errorf("%s does not trust it", name)
		}
	}
}

func TestMistakesOfBackupsAreRefused(t *testing.T) {
	for _, row := range []refusal{
		{"backup.keep=0", "at '/backup/keep': minimum: got 0, want 1"},
		{"backup.schedule=hourly", "at '/backup/schedule'"},
		{"backup.claim.size=10GB", "at '/backup/claim/size'"},
		{"backup.claim.accessMode=ReadOnlyMany", "at '/backup/claim/accessMode'"},
		{"backup.s3.bucket=My_Bucket", "at '/backup/s3/bucket'"},
		{"backup.s3.prefix=/a/", "at '/backup/s3/prefix'"},
		{"backup.s3.endpoint=minio:9000", "at '/backup/s3/endpoint'"},
		{withBackup + ",backup.s3.bucket=money", "backup.s3.existingSecret: "},
		{"backup.drill.atLeast=-1", "at '/backup/drill/atLeast': minimum: got -1, want 0"},
		{"backup.bucket=b", "additional properties 'bucket' not allowed"},
	} {
		row.isRefused(t)
	}
}
