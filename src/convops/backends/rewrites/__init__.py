"""Problems expressed through simpler ones, so that every backend gets the whole geometry and every dtype."""
