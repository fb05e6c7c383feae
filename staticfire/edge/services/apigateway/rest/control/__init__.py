"""The control plane of REST APIs: every operation of the `apigateway` model but those of custom domains.

control_plane  the table of operations
common         refusals, ids, pages; patches: what the Update operations change
apis resources methods method_responses integrations integration_responses: what is served
models validators authorizers gateway_responses documentation: what serving is told beside it
deployments stages method_settings canaries: what is served where
api_keys usage_plans usage: who may call, how often
account client_certificates vpc_links tags: what belongs to no API
trying         TestInvokeMethod and TestInvokeAuthorizer: what serving must be able to do for them
completing     deployments completed by what one apply described after them
documents      PutRestApi, ImportRestApi, GetExport, ImportDocumentationParts
"""

from .completing import LateChanges
from .control_plane import RestControlPlane
from .trying import Trier

__all__ = ["LateChanges", "RestControlPlane", "Trier"]
