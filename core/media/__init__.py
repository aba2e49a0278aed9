"""Pictures and latents: from and to files, with their texts, and in other sizes."""
