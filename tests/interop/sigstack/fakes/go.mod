module landfall.example/sigstack/fakes

go 1.24
