"""What programs can read about this gateway's interfaces: OpenAPI 3.1 and AsyncAPI 3, made of the types, once.

``words``     the docstrings of types and their fields
``schemas``   types → JSON Schema, with these words
``examples``  a message of each kind, as it is really sent
``openapi``   everything over plain HTTP
``asyncapi``  everything over WebSockets
``document``  one of them, as it is served
"""
