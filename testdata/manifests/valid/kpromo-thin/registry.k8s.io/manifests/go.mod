module example.com/manifests
