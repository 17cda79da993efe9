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
	data := h.folder + "/data"
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	kit.Run(t, "mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", data)
	t.Cleanup(func() { kit.Run(t, "umount", data) })
	h.startRedis()
	h.startExporter()
	h.startPrometheus(redisJob())
	// What packing makes no smaller.
	write := func(key string) string {
		return h.cli("eval", "local b={} for i=1,7000 do b[i]=string.char(math.random(0,255)) end return redis.call('set',KEYS[1],table.concat(b))", "1", key)
	}
	all := []string{"exists"}
	for number := range 1500 {
		key := fmt.Sprint("kept:", number)
		if said := write(key); said != "OK" {
			t.Fatal(said)
		}
		all = append(all, key)
	}
	room := func(megabytes int64) {
		kit.Write(t, data+"/filler", "")
		var disk syscall.Statfs_t
		if err := syscall.Statfs(data, &disk); err != nil {
			t.Fatal(err)
		}
		free := int64(disk.Bavail) * disk.Bsize
		kit.Run(t, "fallocate", "--length", fmt.Sprint(free-megabytes<<20), data+"/filler")
	}
	h.drilled(t, []drill{
		{"there is no room for the log anew", []string{"BankRedisLogFails"}, func(h *House) {
			room(4)
			h.cli("bgrewriteaof")
		}, func(h *House) {
			_ = os.Remove(data + "/filler")
			h.cli("bgrewriteaof")
		}, lasts},
		{"there is no room for what is written", []string{"BankRedisDown"}, func(h *House) {
			room(0)
			// With appendfsync always it acknowledges nothing that it could not write: it ends.
			kit.Eventually(t, "Redis ends", func() error {
				write("more")
				if h.redis.Runs() == nil {
					return fmt.Errorf("it runs")
				}
				return nil
			})
		}, func(h *House) {
			_ = os.Remove(data + "/filler")
			h.startRedis()
		}, lasts},
	})
	if kept := h.cli(all...); kept != "1500" {
		t.Errorf("of 1500 keys there are %s", kept)
	}
}
