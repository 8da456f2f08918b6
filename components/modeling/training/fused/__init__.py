"""What a training step spends least memory traffic on: the operations between an encoder's matrix products, in one."""
