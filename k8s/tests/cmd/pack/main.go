// Command pack makes an OCI image layout with one layer for each platform: pack [FLAGS] LAYOUT OS/ARCHITECTURE=FOLDER…
// The same folders give the same digests: entries are sorted, and carry no time and no owner.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

type object = map[string]any

func main() {
	user := flag.String("user", "", "UID:GID that it runs as")
	workdir := flag.String("workdir", "", "where it starts")
	entrypoint := flag.String("entrypoint", "[]", "JSON list")
	cmd := flag.String("cmd", "[]", "JSON list")
	port := flag.String("port", "", "PORT/PROTOCOL")
	healthcheck := flag.String("healthcheck", "", "JSON, as Docker has it: it is no part of OCI's form, which lets it pass")
	volume := flag.String("volume", "", "an empty folder for uid 65532")
	flag.Parse()
	config := object{}
	for name, list := range map[string]string{"Entrypoint": *entrypoint, "Cmd": *cmd} {
		var words []string
		check(json.Unmarshal([]byte(list), &words))
		if len(words) > 0 {
			config[name] = words
		}
	}
	for name, text := range map[string]string{"User": *user, "WorkingDir": *workdir} {
		if text != "" {
			config[name] = text
		}
	}
	if *port != "" {
		config["ExposedPorts"] = object{*port: object{}}
	}
	if *healthcheck != "" {
		config["Healthcheck"] = json.RawMessage(*healthcheck)
	}
	pack(flag.Arg(0), flag.Args()[1:], *volume, config)
}

func pack(layout string, platforms []string, volume string, config object) {
	check(os.RemoveAll(layout))
	check(os.MkdirAll(layout+"/blobs/sha256", 0o755))
	var manifests []object
	for _, given := range platforms {
		platform, folder, _ := strings.Cut(given, "=")
		manifests = append(manifests, image(layout, platform, folder, volume, config))
	}
	if len(manifests) > 1 {
		// Tools that copy a layout want one image in it: an index, from which they choose the platform.
		manifests = []object{blob(layout, indexType, text(object{"schemaVersion": 2, "mediaType": indexType, "manifests": manifests}))}
	}
	check(os.WriteFile(layout+"/index.json", text(object{"schemaVersion": 2, "manifests": manifests}), 0o644))
	check(os.WriteFile(layout+"/oci-layout", text(object{"imageLayoutVersion": "1.0.0"}), 0o644))
}

// image stores the image of one platform, and describes its manifest.
func image(layout, platform, folder, volume string, config object) object {
	plain := archive(folder, volume)
	// zstd is a fifth smaller than gzip. Docker 23, containerd 1.5, Podman, CRI-O and newer ones read it.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	check(err)
	packed := encoder.EncodeAll(plain, nil)
	check(encoder.Close())

	system, architecture, _ := strings.Cut(platform, "/")
	layer := blob(layout, "application/vnd.oci.image.layer.v1.tar+zstd", packed)
	image := blob(layout, "application/vnd.oci.image.config.v1+json", text(object{
		"os": system, "architecture": architecture, "config": config,
		"rootfs": object{"type": "layers", "diff_ids": []string{digest(plain)}},
	}))
	manifest := blob(layout, manifestType, text(object{
		"schemaVersion": 2, "mediaType": manifestType, "config": image, "layers": []object{layer},
	}))
	manifest["platform"] = object{"os": system, "architecture": architecture}
	fmt.Printf("%s %s: %d bytes, %d unpacked, %s\n", filepath.Base(layout), platform, len(packed), len(plain), manifest["digest"])
	return manifest
}

// archive packs the folder as a tar; WalkDir visits files in order of their names.
func archive(folder, volume string) []byte {
	var plain bytes.Buffer
	writer := tar.NewWriter(&plain)
	check(filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755})
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(info.Mode().Perm()), Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = writer.Write(content)
		return err
	}))
	if volume != "" {
		check(writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: volume + "/", Mode: 0o755, Uid: 65532, Gid: 65532}))
	}
	check(writer.Close())
	return plain.Bytes()
}

// blob stores content under its digest and describes it.
func blob(layout, mediaType string, content []byte) object {
	name := digest(content)
	check(os.WriteFile(layout+"/blobs/"+strings.Replace(name, ":", "/", 1), content, 0o644))
	return object{"mediaType": mediaType, "digest": name, "size": len(content)}
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

func text(value any) []byte {
	encoded, err := json.Marshal(value)
	check(err)
	return encoded
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
