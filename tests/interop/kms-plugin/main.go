// sigstore-kms-landfalltest is a Sigstore KMS plugin whose keys are files: the other side of the tests, made of Sigstore's own
// library. The key is the path of a private key in PKCS#8.
package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/common"
	"github.com/sigstore/sigstore/pkg/signature/kms/cliplugin/handler"
)

type keyFile struct {
	signature.SignerVerifier
}

func (keyFile) DefaultAlgorithm() string      { return "file" }
func (keyFile) SupportedAlgorithms() []string { return []string{"file"} }
func (keyFile) CreateKey(context.Context, string) (crypto.PublicKey, error) {
	return nil, errors.New("keys are made elsewhere")
}
func (keyFile) CryptoSigner(context.Context, func(error)) (crypto.Signer, crypto.SignerOpts, error) {
	return nil, nil, errors.New("not part of the protocol")
}

func open(options *common.InitOptions) (*keyFile, error) {
	text, err := os.ReadFile(options.KeyResourceID)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s is no PEM", options.KeyResourceID)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, err := signature.LoadSignerVerifier(key, options.HashFunc)
	if err != nil {
		return nil, err
	}
	return &keyFile{signer}, nil
}

func main() {
	arguments, err := handler.GetPluginArgs(os.Args)
	if err == nil {
		var key *keyFile
		if key, err = open(arguments.InitOptions); err == nil {
			_, err = handler.Dispatch(os.Stdout, os.Stdin, arguments, key)
			if err == nil {
				return
			}
		}
	}
	_ = handler.WriteErrorResponse(os.Stdout, err)
	os.Exit(1)
}
