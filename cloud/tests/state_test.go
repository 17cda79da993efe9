package tests

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The backend could ask for another encryption than the bucket's, and S3 would obey.
func TestTheStateIsEncryptedAsTheBucketSays(t *testing.T) {
	long(t)
	t.Parallel()
	environment, root := aws(t), copied(t)
	environment = append(append(environment, tofuEnvironment(t)...), "PATH="+withoutPolicies(t)+":"+os.Getenv("PATH"))
	bucket, err := script(t, environment, root, "state", "dev", "us-east-1")
	if err != nil {
		t.Fatalf("%v\n%s", err, bucket)
	}
	bucket = strings.TrimSpace(bucket)
	// Here the state goes to the bucket, as it does for a person.
	if err := os.Remove(root + "/platform/backend_override.tf"); err != nil {
		t.Fatal(err)
	}
	write(t, root+"/state.json", `{"version": 4, "terraform_version": "1.10.0", "serial": 1, "lineage": "of-the-test", "outputs": {}, "resources": []}`)
	run := func(program string, arguments ...string) string {
		t.Helper()
		command := exec.Command(program, arguments...)
		command.Dir, command.Env = root+"/platform", environment
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", program, arguments, err, out)
		}
		return string(out)
	}
	var program string
	for _, variable := range environment {
		if path, ours := strings.CutPrefix(variable, "TOFU="); ours {
			program = path
		}
	}
	run(program, "init", "-input=false", "-backend-config=bucket="+bucket, "-backend-config=region=us-east-1", "-backend-config=key=platform.tfstate")
	run(program, "state", "push", "../state.json")
	moto := strings.TrimSuffix(program, "tofu") + "moto/bin/aws"
	if out := run(moto, "s3api", "head-object", "--bucket", bucket, "--key", "platform.tfstate"); !strings.Contains(out, `"ServerSideEncryption": "aws:kms"`) {
		t.Errorf("the state's object:\n%s", out)
	}
}
