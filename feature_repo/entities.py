"""What features are about: airports, aircraft, carriers and routes."""

import diptych as dt

airport = dt.Entity("airport", keys={"airport": dt.String(3)}, description="An airport by its IATA code.")
plane = dt.Entity("plane", keys={"tailnum": dt.String(6)}, description="An aircraft by its tail number.")
carrier = dt.Entity("carrier", keys={"carrier": dt.String(2)}, description="An airline by its IATA code.")
route = dt.Entity(
    "route",
    keys={"origin": dt.String(3), "dest": dt.String(3)},
    description="A directed pair of airports.",
)
