// Package notify tells systemd about the state of the service.
package notify

import (
	"net"
	"os"
)

// Send gives the state, such as READY=1, to systemd. Without systemd it does nothing.
func Send(state string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	connection, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = connection.Write([]byte(state))
	return err
}
