// bundle-judge says which bundles sigstore-go, which cosign verifies with, takes for what one signer said of one image.
//
//	bundle-judge TRUSTED-ROOT DIGEST-HEX IDENTITY ISSUER
//
// Reads base64 of one bundle a line; answers each with a line, "yes" or "no: REASON".
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
)

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: bundle-judge TRUSTED-ROOT DIGEST-HEX IDENTITY ISSUER")
	}
	trusted := must(root.NewTrustedRootFromPath(os.Args[1]))
	digest := must(hex.DecodeString(os.Args[2]))
	identity := must(verify.NewShortCertificateIdentity(os.Args[4], "", os.Args[3], ""))
	// As cosign without flags: an entry in a log, a time that a log or an authority signed, a logged certificate.
	verifier := must(verify.NewVerifier(trusted,
		verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1), verify.WithSignedCertificateTimestamps(1)))
	judge := func(line string) error {
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			log.Fatal(err)
		}
		var parsed bundle.Bundle
		if err := parsed.UnmarshalJSON(raw); err != nil {
			return err
		}
		_, err = verifier.Verify(&parsed, verify.NewPolicy(
			verify.WithArtifactDigest("sha256", digest), verify.WithCertificateIdentity(identity)))
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	for lines.Scan() {
		if err := judge(lines.Text()); err != nil {
			fmt.Fprintln(output, "no:", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Fprintln(output, "yes")
		}
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}
