"""REST APIs (API Gateway v1): what describes them, and their control plane.

records  documents in the store, typed reads over them, and word of each change
control  the operations of the `apigateway` model
"""
