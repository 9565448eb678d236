"""Reads a request of EC2's own protocol: a form as that of the query protocol, but every name begins with a capital letter, and
every list is flat. In: a shape of the service's model and the form. Out: the value, and in `used` the parameters that it is of."""


def of_form(shape, prefix, form, used, scalar):
    """Reads a value of a shape, or None if no parameter is of it. `scalar` reads one from its text."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            wire = member.serialization.get("queryName", wire[0].upper() + wire[1:])
            value = of_form(member, f"{prefix}.{wire}" if prefix else wire, form, used, scalar)
            if value is not None:
                found[name] = value
        return found or None if prefix else found
    if not any(name == prefix or name.startswith(prefix + ".") for name in form):
        return None
    if shape.type_name == "list":
        values, number = [], 1
        while (value := of_form(shape.member, f"{prefix}.{number}", form, used, scalar)) is not None:
            values.append(value)
            number += 1
        return values
    used.add(prefix)
    return scalar(shape, form.get(prefix))
