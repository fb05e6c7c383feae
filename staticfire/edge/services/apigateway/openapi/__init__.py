"""OpenAPI documents, versions 2 and 3, with AWS's extensions: read into REST APIs, and written of them.

documents   JSON and YAML, bounded, into plain values
references  `$ref` within a document
schemas     models: their references, flattened; the template that AWS makes of one
reading     a document as resources, methods, integrations, models, authorizers, validators, gateway responses
security    who may call, by a document's security
exporting   a deployment as a document
http_reading and http_exporting: the same of HTTP APIs
"""
