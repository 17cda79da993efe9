package tests

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aws runs an empty account until the test ends. It returns the variables that lead the aws command and OpenTofu's backend there.
func aws(t *testing.T) []string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	server := exec.Command("../../build/cloud/moto/bin/moto_server", "-H", "127.0.0.1", "-p", port)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Kill(); server.Wait() })
	url := "http://127.0.0.1:" + port
	for range 300 {
		if answer, err := http.Get(url + "/moto-api/"); err == nil {
			answer.Body.Close()
			bin, err := filepath.Abs("../../build/cloud/moto/bin")
			if err != nil {
				t.Fatal(err)
			}
			return append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "AWS_ENDPOINT_URL="+url, "AWS_ENDPOINT_URL_S3="+url,
				"AWS_ACCESS_KEY_ID=of-the-test", "AWS_SECRET_ACCESS_KEY=of-the-test", "AWS_EC2_METADATA_DISABLED=true", "AWS_DEFAULT_REGION=us-east-1",
				// A bucket's name does not resolve as a host here.
				"AWS_S3_USE_PATH_STYLE=true")
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Fatal("moto does not start")
	return nil
}

func script(t *testing.T, environment []string, folder, name string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.Command(filepath.Join(folder, name), arguments...)
	command.Dir, command.Env = folder, environment
	out, err := command.CombinedOutput()
	return string(out), err
}

func TestTheStatesBucketIsMadeOnceAndForNobodyElse(t *testing.T) {
	long(t)
	for _, region := range []string{"us-east-1", "eu-central-1"} {
		t.Run(region, func(t *testing.T) {
			t.Parallel()
			environment, root := aws(t), copied(t)
			for range 2 {
				out, err := script(t, environment, root, "state", "dev", region)
				if bucket := strings.TrimSpace(out); err != nil || bucket != "bank-dev-state-123456789012-"+region {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			for asked, wanted := range map[string]string{
				"get-bucket-versioning": `"Status": "Enabled"`, "get-bucket-encryption": `"SSEAlgorithm": "aws:kms"`,
				"get-public-access-block": `"RestrictPublicBuckets": true`, "get-bucket-policy": "aws:SecureTransport",
			} {
				command := exec.Command("../../build/cloud/moto/bin/aws", "s3api", asked, "--region", region, "--bucket", "bank-dev-state-123456789012-"+region)
				command.Env = environment
				if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), wanted) {
					t.Errorf("%s: %v\n%s", asked, err, out)
				}
			}
		})
	}
}

// withoutPolicies returns an aws command that makes no bucket policy. Moto ignores a policy's conditions: a policy that refuses everything
// but TLS refuses everything there.
func withoutPolicies(t *testing.T) string {
	t.Helper()
	real, err := filepath.Abs("../../build/cloud/moto/bin/aws")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	text := "#!/bin/sh\ncase \"$*\" in *put-bucket-policy*) exit 0 ;; esac\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(folder+"/aws", []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// pushed pushes an image to the account's registry, under the tag, and returns its digest.
func pushed(t *testing.T, environment []string, tag string) string {
	t.Helper()
	manifest := `{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [], "annotations": {"tag": "` + tag + `"}}`
	command := exec.Command("../../build/cloud/moto/bin/aws", "ecr", "put-image", "--repository-name", "money-bank", "--image-tag", tag,
		"--image-manifest", manifest, "--query", "image.imageId.imageDigest", "--output", "text")
	command.Env = environment
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// OpenTofu is a stand-in here. It prints the platform's output, and writes down how it was called.
func TestUpClusterDeploysTheDigestThatTheTagNames(t *testing.T) {
	long(t)
	t.Parallel()
	environment, root := aws(t), copied(t)
	settings(t, root, "dev", "123456789012")
	write(t, root+"/output.json", strings.TrimSuffix(strings.TrimPrefix(platformOutput("dev", "bank"), `{"platform": `), "}"))
	stub := "#!/bin/sh\ncase \"$*\" in *' output -json platform') cat output.json ;; *) echo \"$*\" >>calls ;; esac\n"
	if err := os.WriteFile(root+"/tofu", []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	environment = append(environment, "TOFU="+root+"/tofu")
	create := exec.Command("../../build/cloud/moto/bin/aws", "ecr", "create-repository", "--repository-name", "money-bank")
	create.Env = environment
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	digest, another := pushed(t, environment, "1"), pushed(t, environment, "2")
	if out, err := script(t, environment, root, "up", "cluster", "dev", "1"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := script(t, environment, root, "up", "cluster", "dev", "3"); err == nil || !strings.Contains(out, "ImageNotFoundException") {
		t.Errorf("a tag that names no image: %v\n%s", err, out)
	}
	calls, err := os.ReadFile(root + "/calls")
	if err != nil {
		t.Fatal(err)
	}
	wanted := "-var=tag=1 -var=digest=" + digest + "\n"
	if digest == another || !strings.Contains(string(calls), wanted) || strings.Count(string(calls), "-chdir=cluster apply") != 1 {
		t.Errorf("not one apply, with %q:\n%s", wanted, calls)
	}
}

// settings writes mine.ENV.tfvars: the example, with the account.
func settings(t *testing.T, root, environment, account string) {
	t.Helper()
	example, err := os.ReadFile("../aws/mine.tfvars.example")
	if err != nil {
		t.Fatal(err)
	}
	write(t, root+"/mine."+environment+".tfvars", strings.Replace(string(example), "123456789012", account, 1))
}

func TestUpShowsAPlanAndAsks(t *testing.T) {
	long(t)
	t.Parallel()
	environment, root := aws(t), copied(t)
	if out, err := script(t, environment, root, "up", "platform", "dev"); err == nil || !strings.Contains(out, "mine.dev.tfvars is missing") {
		t.Fatalf("without mine.dev.tfvars: %v\n%s", err, out)
	}
	settings(t, root, "dev", "123456789012")
	settings(t, root, "prod", "210987654321")
	// Here the state goes to the bucket, as it does for a person.
	if err := os.Remove(root + "/platform/backend_override.tf"); err != nil {
		t.Fatal(err)
	}
	environment = append(append(environment, tofuEnvironment(t)...), "PATH="+withoutPolicies(t)+":"+os.Getenv("PATH"))
	for _, wrong := range [][]string{nil, {"platform"}, {"platform", "nowhere"}, {"cluster", "dev"}} {
		if out, err := script(t, environment, root, "up", wrong...); err == nil || !strings.Contains(out, "up platform ENV") {
			t.Errorf("up %v: %v\n%s", wrong, err, out)
		}
	}
	if out, err := script(t, environment, root, "up", "platform", "prod"); err == nil || !strings.Contains(out, `signed in to account 123456789012; mine.prod.tfvars has account = "210987654321"`) {
		t.Errorf("into another environment's account: %v\n%s", err, out)
	}
	out, err := script(t, environment, root, "up", "platform", "dev")
	if err == nil || !strings.Contains(out, "to add, 0 to change, 0 to destroy") || !strings.Contains(out, "Do you want to perform these actions?") {
		t.Errorf("%v\n%s", err, out)
	}
}
