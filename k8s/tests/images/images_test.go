// Package images looks into the OCI layouts that `make images` builds, and runs the one that can run here.
package images

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"moneybank/k8s/tests/kit"
)

// The largest size of an image, compressed: issues 7 and 19. The documentation of the API is most of the application.
var limits = map[string]int64{"app": 2_000_000, "bank": 15_000_000}

type descriptor struct {
	MediaType, Digest string
	Size              int64
	Platform          struct{ OS, Architecture string }
}

type image struct {
	os, user   string
	entrypoint []string
	size       int64
	files      []string
	folder     string
}

// open reads a layout, checks every digest on the way, and unpacks its layers.
func open(t *testing.T, name string) image {
	t.Helper()
	layout := kit.At("build/images", name)
	read := func(of descriptor, into any) []byte {
		content, err := os.ReadFile(layout + "/blobs/" + strings.Replace(of.Digest, ":", "/", 1))
		if err != nil || fmt.Sprintf("sha256:%x", sha256.Sum256(content)) != of.Digest || int64(len(content)) != of.Size {
			t.Fatalf("%s: %s is not what its digest says: %v", name, of.Digest, err)
		}
		if into != nil {
			if err := json.Unmarshal(content, into); err != nil {
				t.Fatal(err)
			}
		}
		return content
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal([]byte(kit.Read(t, layout+"/index.json")), &index); err != nil {
		t.Fatal(err)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	read(index.Manifests[0], &manifest)
	var config struct {
		OS     string
		Config struct {
			User       string
			Entrypoint []string
			Cmd        []string
		}
	}
	read(manifest.Config, &config)
	opened := image{os: config.OS, user: config.Config.User, entrypoint: config.Config.Entrypoint, folder: t.TempDir()}
	for _, layer := range manifest.Layers {
		read(layer, nil)
		opened.size += layer.Size
		opened.unpack(t, layout+"/blobs/"+strings.Replace(layer.Digest, ":", "/", 1))
	}
	slices.Sort(opened.files)
	return opened
}

func (i *image) unpack(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := zstd.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer unzipped.Close()
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(i.folder, header.Name)
		if header.Typeflag == tar.TypeDir {
			if err := errors.Join(os.MkdirAll(target, 0o755), os.Chown(target, header.Uid, header.Gid)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		i.files = append(i.files, header.Name)
		content, err := io.ReadAll(archive)
		if err := errors.Join(err, os.WriteFile(target, content, header.FileInfo().Mode())); err != nil {
			t.Fatal(err)
		}
	}
}

// sources lists the .wasm files that spin.toml refers to.
func sources(t *testing.T) []string {
	var files []string
	for _, found := range regexp.MustCompile(`(?m)^source = "(.*)"$`).FindAllStringSubmatch(kit.Read(t, "spin.toml"), -1) {
		files = append(files, found[1])
	}
	// Two components may share a file.
	slices.Sort(files)
	return slices.Compact(files)
}

func TestTheApplicationsImageHoldsTheManifestAndItsComponentsAndNothingElse(t *testing.T) {
	image := open(t, "app")
	wanted := append([]string{"spin.toml"}, sources(t)...)
	slices.Sort(wanted)
	if !slices.Equal(image.files, wanted) {
		t.Errorf("it holds %v", image.files)
	}
	if image.os != "wasi" {
		t.Errorf("it is for %s", image.os)
	}
	for _, file := range sources(t) {
		if code := kit.Read(t, filepath.Join(image.folder, file)); !strings.HasPrefix(code, "\x00asm") {
			t.Errorf("%s is no WebAssembly", file)
		}
	}
}

func TestTheImagesAreSmall(t *testing.T) {
	for name, limit := range limits {
		image := open(t, name)
		t.Logf("%s: %d bytes", name, image.size)
		if image.size > limit {
			t.Errorf("%s weighs %d bytes, more than %d", name, image.size, limit)
		}
	}
}

func TestTheBanksImageServesAsNobodyWithNothingElseAround(t *testing.T) {
	image := open(t, "bank")
	if image.user != "65532:65532" {
		t.Errorf("it runs as %q", image.user)
	}
	if err := os.Chmod(image.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	port := kit.FreePort(t)
	command := append([]string{"--userspec=" + image.user, image.folder}, image.entrypoint...)
	// A container starts in its working directory, but chroot starts in /.
	command = append(command, "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--from", "/app/spin.toml")
	bank := kit.Start(t, "image", []string{"HOME=/nowhere"}, "chroot", command...)
	kit.Eventually(t, "/readyz", func() error {
		if err := bank.Runs(); err != nil {
			t.Fatal(err)
		}
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port))
		if err == nil && answer.StatusCode != http.StatusOK {
			err = errors.New(answer.Status)
		}
		return err
	})
}

// `make test-images` builds the Dockerfiles and proves that they do.
func TestTheDockerfilesMakeWhatIsPackedHere(t *testing.T) {
	for name, parts := range map[string][]string{
		"app":  {"FROM scratch", "k8s/images/rootfs app /rootfs", "COPY --from=build /rootfs /"},
		"bank": {"FROM scratch", "k8s/images/rootfs bank /rootfs", "COPY --from=build /rootfs /", "USER 65532:65532", `ENTRYPOINT ["/bank", "up", "--state-dir", "/data", "--disable-cache"]`, `CMD ["/bank", "health"]`},
	} {
		if err := kit.Missing(kit.Read(t, "k8s/images/"+name+".Dockerfile"), parts...); err != nil {
			t.Error(err)
		}
	}
}
