package main

import (
	"encoding/pem"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/azoidc/azoidc/azoidctest"
)

// trustVariable allows tests to have this machine trust their certificates for as long as each runs: on Windows its store
// tells whom to trust, and SSL_CERT_FILE nothing.
const trustVariable = "AZOIDC_TEST_TRUST"

// trust makes processes trust the cloud. It takes an administrator.
func trust(t testing.TB, cloud *azoidctest.Server) {
	t.Helper()
	if os.Getenv(trustVariable) == "" {
		t.Skip("only with " + trustVariable + "=1 may tests have this machine trust their certificates")
	}
	block, _ := pem.Decode(cloud.CertificatePEM())
	certificate, err := syscall.CertCreateCertificateContext(syscall.X509_ASN_ENCODING|syscall.PKCS_7_ASN_ENCODING, &block.Bytes[0], uint32(len(block.Bytes)))
	require.NoError(t, err)
	inRootStore(t, func(store syscall.Handle) {
		const addAlways = 4 // CERT_STORE_ADD_ALWAYS
		require.NoError(t, syscall.CertAddCertificateContextToStore(store, certificate, addAlways, nil))
	})
	t.Cleanup(func() {
		inRootStore(t, func(store syscall.Handle) { distrust(t, store, certificate) })
		require.NoError(t, syscall.CertFreeCertificateContext(certificate))
	})
}

// inRootStore opens the store for a moment: Wine writes what was changed when it's closed.
func inRootStore(t testing.TB, change func(syscall.Handle)) {
	t.Helper()
	root, err := syscall.UTF16PtrFromString("ROOT")
	require.NoError(t, err)
	const (
		systemStore  = 10      // CERT_STORE_PROV_SYSTEM_W
		localMachine = 2 << 16 // CERT_SYSTEM_STORE_LOCAL_MACHINE
	)
	store, err := syscall.CertOpenStore(systemStore, 0, 0, localMachine, uintptr(unsafe.Pointer(root)))
	require.NoError(t, err)
	change(store)
	require.NoError(t, syscall.CertCloseStore(store, 0))
}

func distrust(t testing.TB, store syscall.Handle, certificate *syscall.CertContext) {
	t.Helper()
	crypt32 := syscall.NewLazyDLL("crypt32.dll")
	const existing = 0xd0000 // CERT_FIND_EXISTING
	found, _, err := crypt32.NewProc("CertFindCertificateInStore").Call(uintptr(store), uintptr(certificate.EncodingType), 0, existing,
		uintptr(unsafe.Pointer(certificate)), 0)
	require.NotZero(t, found, err)
	removed, _, err := crypt32.NewProc("CertDeleteCertificateFromStore").Call(found) // which frees what was found
	require.NotZero(t, removed, err)
}
