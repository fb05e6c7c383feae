"""Custom domain names and their mappings, of both generations, and which API, stage and path an address means.

names       domain names: one document, told by either generation's operations
mappings    which API and stage a path below a name leads to
address     what a request's host and path mean
"""
