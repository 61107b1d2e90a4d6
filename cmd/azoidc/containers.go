package main

import (
	"errors"
	"net"
	"net/netip"
	"strings"
)

// bridges begin the names of the interfaces by which this machine is on its containers' networks: Docker's own, those that
// Docker makes for jobs with services, Podman's.
var bridges = []string{"docker", "br-", "podman", "cni-podman"}

// containerNetworks are this machine's addresses on the networks of containers, Docker's own first.
func containerNetworks() ([]netip.Prefix, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []netip.Prefix
	for _, bridge := range bridges {
		for _, i := range interfaces {
			if !strings.HasPrefix(i.Name, bridge) {
				continue
			}
			addresses, err := i.Addrs()
			if err != nil {
				return nil, err
			}
			for _, address := range addresses {
				if network, err := netip.ParsePrefix(address.String()); err == nil && network.Addr().Is4() {
					found = append(found, network)
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.New("-container: this machine is on no network of containers, Docker's or Podman's: leave the flag out. " +
			"In a job that runs in a container itself, azoidc serves that container's processes without it")
	}
	return found, nil
}
