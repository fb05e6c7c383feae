"""Container images on disk: blobs by their digest, manifests, and root file systems that are unpacked from them.

blobs      what was pushed, content-addressed; uploads that may be resumed
manifest   manifests and indexes (Docker's schema 2, OCI), read and bounded
root       a root file system that is being made, which nothing leaves; layer: one layer applied to it
unpacking  an image's root file system, made once for its digest
"""
