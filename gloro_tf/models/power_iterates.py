"""The power iterates of a model and the estimates they give."""

from keras import ops

from gloro_tf.lipschitz import Constant, api, margin, report
from gloro_tf.ops import compiled

CHUNK = 10


class PowerIterates:
    """Keeps one persistent iterate for each linear operator of a traced model.

    They live in variables of the model that wraps the layers, not in the layers, so that stock
    Keras layers work and everything is saved.

    Args:
        trace: `gloro_tf.lipschitz.graph.Trace`.
        classes: int.
        make_variable: callable `(name, shape, value)` that adds a non-trainable float32 variable.
    """

    def __init__(self, trace, classes, make_variable):
        self.trace, self.classes = trace, classes
        self.factors = trace.factors()
        self.variables, self._refresh = {}, None
        for number, factor in enumerate(self.factors):
            if factor.iterate_shape is not None:
                start = api.initial_iterate(factor, seed=number)
                variable = make_variable(f"iterate_{number}", start.shape, start)
                self.variables[id(factor)] = variable

    def _moving(self):
        return [f for f in self.factors if id(f) in self.variables]

    def advance(self, steps):
        """Moves every iterate by power iterations, inside a training step."""
        for factor in self._moving():
            variable = self.variables[id(factor)]
            variable.assign(factor.advance(variable.value, steps))

    def estimates(self):
        """The differentiable estimate of each factor, by `id`."""
        values = {}
        for factor in self.factors:
            variable = self.variables.get(id(factor))
            values[id(factor)] = factor.estimate(None if variable is None else variable.value)
        return values

    def margins(self):
        """The differentiable `(classes, classes)` margin constants."""
        values = self.estimates()
        return margin.margin_estimate(self.trace, self.classes, lambda f: values[id(f)])

    def refresh(self, iterations, variables):
        """Moves the iterates on outside of training; `variables` are all that the model has."""
        if self._refresh is None:
            self._refresh = compiled(self._moved, variables)
        kept = list(self.variables.values())
        values = [ops.convert_to_tensor(v) for v in kept]
        for _ in range(-(-iterations // CHUNK) if kept else 0):
            values = self._refresh(values)
        for variable, value in zip(kept, values, strict=True):
            variable.assign(value)

    def _moved(self, values):
        return [f.advance(v, CHUNK) for f, v in zip(self._moving(), values, strict=True)]

    def by_layer(self):
        """`{layer name: estimate}` of the layers that have weights, and `"model"`; floats."""
        values = {k: float(ops.convert_to_numpy(v)) for k, v in self.estimates().items()}
        moving = {id(f) for f in self.factors if not isinstance(f, Constant)}
        rows = report.make_report(self.trace, values, values, keep=moving)
        return {row.layer: row.estimate for row in rows.rows} | {"model": rows.estimate}
