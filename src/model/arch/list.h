// The architectures that Hearth runs. A new one is a file beside this one and a line here.
HEARTH_ARCH(kLlama)
HEARTH_ARCH(kQwen2)
HEARTH_ARCH(kQwen3)
HEARTH_ARCH(kPhi3)
HEARTH_ARCH(kGemma2)
