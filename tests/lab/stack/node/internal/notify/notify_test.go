package notify

import (
	"net"
	"path/filepath"
	"testing"
)

func TestSendReachesTheSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	if err := Send("READY=1\n"); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 64)
	length, err := socket.Read(buffer)
	if err != nil || string(buffer[:length]) != "READY=1\n" {
		t.Errorf("received %q, %v", buffer[:length], err)
	}
}
