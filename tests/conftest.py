import jax

# Before anything touches a device: every test may spread a batch over four of them.
jax.config.update("jax_num_cpu_devices", 4)
