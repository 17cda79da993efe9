package observe

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"moneybank/k8s/tests/kit"
)

// TestAFullDiskIsTold runs the chart's Redis on a disk of 32 MB.
func TestAFullDiskIsTold(t *testing.T) {
	h := newHouse(t)
	h.render(h.sink.url)
	disk := smallDisk(t, h.folder+"/data")
	h.startRedis()
	h.startExporter()
	h.startPrometheus(redisJob())
	all := []string{"exists"}
	for number := range 1500 {
		key := fmt.Sprint("kept:", number)
		if said := h.writeMuch(key); said != "OK" {
			t.Fatal(said)
		}
		all = append(all, key)
	}
	h.runDrills(t, []drill{
		{"the disk has no room to rewrite the append-only file", []string{"BankRedisLogFails"}, func(h *House) {
			disk.leave(t, 4)
			h.cli("bgrewriteaof")
		}, func(h *House) {
			disk.clear()
			h.cli("bgrewriteaof")
		}, lasts},
		{"the disk is full when Redis writes", []string{"BankRedisDown"}, func(h *House) {
			disk.leave(t, 0)
			// With `appendfsync always` Redis acknowledges nothing that it could not write: it ends.
			kit.Eventually(t, "Redis ends", func() error {
				h.writeMuch("more")
				if h.redis.Runs() == nil {
					return fmt.Errorf("it runs")
				}
				return nil
			})
		}, func(h *House) {
			disk.clear()
			h.startRedis()
		}, lasts},
	})
	if kept := h.cli(all...); kept != "1500" {
		t.Errorf("of 1500 keys there are %s", kept)
	}
}

// writeMuch writes 7 KB that do not compress, and returns Redis' answer.
func (h *House) writeMuch(key string) string {
	return h.cli("eval", "local b={} for i=1,7000 do b[i]=string.char(math.random(0,255)) end return redis.call('set',KEYS[1],table.concat(b))", "1", key)
}

// disk is a folder that has a disk of its own.
type disk string

// smallDisk makes one of 32 MB.
func smallDisk(t *testing.T, folder string) disk {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	kit.Run(t, "mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", folder)
	t.Cleanup(func() { kit.Run(t, "umount", folder) })
	return disk(folder)
}

// leave fills it until this many megabytes are free.
func (d disk) leave(t *testing.T, megabytes int64) {
	kit.Write(t, d.filler(), "")
	var stat syscall.Statfs_t
	if err := syscall.Statfs(string(d), &stat); err != nil {
		t.Fatal(err)
	}
	free := int64(stat.Bavail) * stat.Bsize
	kit.Run(t, "fallocate", "--length", fmt.Sprint(free-megabytes<<20), d.filler())
}

// clear removes what filled it.
func (d disk) clear() {
	_ = os.Remove(d.filler())
}

func (d disk) filler() string {
	return string(d) + "/filler"
}
