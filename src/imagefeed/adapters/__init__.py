"""A pipeline inside a model: as a Keras layer, a torch module, a JAX function, an ONNX file.

Each framework is imported by its own module, and nothing here is imported before it is asked for.
"""
