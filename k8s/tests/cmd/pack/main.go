// Command pack makes an OCI image layout of one layer from a folder: pack [FLAGS] FOLDER LAYOUT.
// The same folder makes the same digests: entries are sorted, and nothing has a time or an owner of its own.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

type object = map[string]any

func main() {
	platform := flag.String("platform", "linux/amd64", "OS/ARCHITECTURE")
	user := flag.String("user", "", "UID:GID that it runs as")
	workdir := flag.String("workdir", "/", "where it starts")
	entrypoint := flag.String("entrypoint", "[]", "JSON list")
	cmd := flag.String("cmd", "[]", "JSON list")
	volume := flag.String("volume", "", "an empty folder for uid 65532")
	flag.Parse()
	config := object{"WorkingDir": *workdir}
	for name, list := range map[string]string{"Entrypoint": *entrypoint, "Cmd": *cmd} {
		var words []string
		check(json.Unmarshal([]byte(list), &words))
		if len(words) > 0 {
			config[name] = words
		}
	}
	if *user != "" {
		config["User"] = *user
	}
	pack(flag.Arg(0), flag.Arg(1), *platform, *volume, config)
}

func pack(folder, layout, platform, volume string, config object) {
	check(os.RemoveAll(layout))
	check(os.MkdirAll(layout+"/blobs/sha256", 0o755))
	plain := archive(folder, volume)
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	check(err)
	_, err = gz.Write(plain)
	check(err)
	check(gz.Close())

	system, architecture, _ := strings.Cut(platform, "/")
	layer := blob(layout, "application/vnd.oci.image.layer.v1.tar+gzip", packed.Bytes())
	image := blob(layout, "application/vnd.oci.image.config.v1+json", text(object{
		"os": system, "architecture": architecture, "config": config,
		"rootfs": object{"type": "layers", "diff_ids": []string{digest(plain)}},
	}))
	manifest := blob(layout, "application/vnd.oci.image.manifest.v1+json", text(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": image, "layers": []object{layer},
	}))
	manifest["platform"] = object{"os": system, "architecture": architecture}
	check(os.WriteFile(layout+"/index.json", text(object{"schemaVersion": 2, "manifests": []object{manifest}}), 0o644))
	check(os.WriteFile(layout+"/oci-layout", text(object{"imageLayoutVersion": "1.0.0"}), 0o644))
	fmt.Printf("%s: %d bytes, %d unpacked, %s\n", filepath.Base(layout), packed.Len(), len(plain), manifest["digest"])
}

// archive is the folder as a tar; WalkDir goes in order of names.
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
