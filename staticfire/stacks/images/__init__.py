"""Images that `up` pushes to the local ECR before it makes the functions of them: `[stacks.NAME.images.REPOSITORY]`.

stack_images   a stack's images: their tags, and what is done between the repository and the function
of_zips        an image put together of zips, without an engine; of_engine: one that an engine builds of a Dockerfile
built          an image on the disk: layers, configuration, manifest; pushed by ECR's API
"""
